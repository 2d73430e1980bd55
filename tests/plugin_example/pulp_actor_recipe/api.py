"""The recipe plugin's API endpoints: declarations, and what is particular to recipes."""

from peewee import fn

from api.call import Answer, Call
from api.core.content import ContentSchema, content_endpoint
from api.core.distributions import DistributionSchema, distribution_endpoint
from api.core.publications import PublicationSchema, publication_endpoint, shown_distributions
from api.core.remotes import RemoteSchema, remote_endpoint
from api.core.repositories import RepositorySchema, repository_endpoints
from api.core.uploading import SingleArtifactSchema, unit_operations
from api.endpoints import ANY_USER, Endpoint, Operation
from api.filters import number_filters, text_filters
from api.operations import action
from api.schemas.base import WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, Integer, Text
from api.schemas.references import Reference
from pulp_actor.identifiers import registry
from pulp_actor.models import Publication, Remote, Repository
from pulp_actor_recipe.models import RecipeContent

TYPE = "recipe.recipe"


class RecipeSchema(SingleArtifactSchema, ContentSchema):
    wire_name = "recipe.Recipe"

    servings = Integer(required=True, minimum=1, help="How many people the recipe feeds.")
    digest = Text(read_only=True, help="SHA-256 of the recipe.")


class RecipeUploadSchema(RecipeSchema):
    wire_name = "RecipeUpload"

    class Meta(RecipeSchema.Meta):
        exclude = ("repository",)


class RecipeRemoteSchema(RemoteSchema):
    wire_name = "recipe.RecipeRemote"


class RecipeRepositorySchema(RepositorySchema):
    wire_name = "recipe.RecipeRepository"

    remote = Reference(Remote, types=(TYPE,), null=True, help="Where the repository is synced from.")
    cuisine = Text(detail=True, null=True, default=None, help="Where its recipes come from.")


class SyncSchema(WireSchema):
    wire_name = "RecipeRepositorySyncURL"

    remote = Reference(Remote, types=(TYPE,), help="What to sync from; by default the repository's remote.")
    mirror = Boolean(default=False, help="Whether recipes that the remote does not have are removed.")


def _sync(call: Call) -> Answer:
    repository = call.instance
    data = call.read()
    remote = data.get("remote") or repository.remote
    if remote is None:
        raise refuse("remote", "The repository has no remote, so that one is needed here.")
    kwargs = {"remote_pk": str(remote.id), "repository_pk": str(repository.id), "mirror": data["mirror"]}
    return call.accepted("pulp_recipe.app.tasks.synchronize", kwargs, exclusive=[repository], shared=[remote])


class RecipePublicationSchema(PublicationSchema):
    wire_name = "recipe.RecipePublication"

    distributions = shown_distributions()


def _publish(call: Call) -> Answer:
    version = call.read(schema=call.endpoint.wire)["repository_version"]
    if version.repository.type != TYPE:
        raise refuse("repository_version", "This is a version of another type of repository.")
    kwargs = {"repository_version_pk": str(version.id)}
    return call.accepted("pulp_recipe.app.tasks.publish", kwargs, shared=[version.repository])


class RecipeDistributionSchema(DistributionSchema):
    wire_name = "recipe.RecipeDistribution"

    repository = Reference(Repository, types=(TYPE,), null=True, help="Serves what this repository holds at the time.")
    publication = Reference(Publication, types=(TYPE,), null=True, help="Serves this publication.")


class Statistics(WireSchema):
    wire_name = "RecipeStatistics"

    recipes = Integer(read_only=True, help="How many recipes there are.")
    servings = Integer(read_only=True, help="How many people they would feed, all cooked at once.")


def _statistics(call: Call) -> Answer:
    recipes, servings = RecipeContent.select(
        fn.COUNT(RecipeContent.content), fn.COALESCE(fn.SUM(RecipeContent.servings), 0)).scalar(as_tuple=True)
    return Answer(200, {"recipes": recipes, "servings": servings})


endpoints = [
    content_endpoint(
        registry.by_path("content/recipe/recipes"), RecipeSchema, tag="Content: Recipes",
        filters=[
            *text_filters("relative_path", RecipeContent.relative_path), *number_filters("servings", RecipeContent.servings),
        ],
        order=("relative_path", "servings"), operations=unit_operations(RecipeSchema, RecipeUploadSchema),
    ),
    remote_endpoint(registry.by_path("remotes/recipe/recipe"), RecipeRemoteSchema, tag="Remotes: Recipe"),
    *repository_endpoints(
        registry.by_path("repositories/recipe/recipe"), RecipeRepositorySchema, tag="Repositories: Recipe",
        operations=[action("sync", _sync, SyncSchema, help="Mirror a remote.")],
    ),
    publication_endpoint(
        registry.by_path("publications/recipe/recipe"), RecipePublicationSchema, tag="Publications: Recipe",
        operations=[
            Operation("create", "POST", _publish, request=RecipePublicationSchema, responses={202: AsyncOperation})],
    ),
    distribution_endpoint(
        registry.by_path("distributions/recipe/recipe"), RecipeDistributionSchema, tag="Distributions: Recipe"),
    Endpoint(
        path="recipe/statistics", tag="Recipe: Statistics", component="recipe", operations=[
            Operation("read", "GET", _statistics, responses={200: Statistics}, permission=ANY_USER,
                      help="How much there is to eat."),
        ],
    ),
]
