"""The table of recipes."""

from peewee import IntegerField, TextField

from pulp_actor.models import DetailContent, mutations
from pulp_actor.sync.units import create_unit, with_bytes


class RecipeContent(DetailContent):
    """A recipe is a text file, and how many people it feeds. ``digest`` is the SHA-256 of the text."""

    type = "recipe.recipe"
    natural_key_fields = ("relative_path", "servings", "digest")
    repo_key_fields = ("relative_path",)

    relative_path = TextField()
    servings = IntegerField()
    digest = TextField()

    class Meta:
        table_name = "recipe_content"


mutations.register(RecipeContent, mutations.Rules(prepare=with_bytes, create=create_unit))
