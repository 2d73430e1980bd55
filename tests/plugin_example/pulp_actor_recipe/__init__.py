"""Recipes: what there is and where. Every process imports this module, so it imports no web framework."""

from importlib import resources

from pulp_actor.identifiers import ResourceType
from pulp_actor.models import Distribution, Publication, Remote, Repository
from pulp_actor.plugins import Plugin
from pulp_actor_recipe.models import RecipeContent

plugin = Plugin(
    name="recipe",
    version="1.0.0",
    package="pulp-actor-recipe",
    module="pulp_actor_recipe",
    resources=(
        ResourceType(RecipeContent, "content/recipe/recipes", "recipe.recipe", "recipe.recipe"),
        ResourceType(Remote, "remotes/recipe/recipe", "recipe.reciperemote", "recipe.recipe"),
        ResourceType(Repository, "repositories/recipe/recipe", "recipe.reciperepository", "recipe.recipe"),
        ResourceType(Publication, "publications/recipe/recipe", "recipe.recipepublication", "recipe.recipe"),
        ResourceType(Distribution, "distributions/recipe/recipe", "recipe.recipedistribution", "recipe.recipe"),
    ),
    migrations=str(resources.files(__name__) / "migrations"),
    actors="pulp_actor_recipe.actors",
    api="pulp_actor_recipe.api",
    content="pulp_actor_recipe.content",
)
