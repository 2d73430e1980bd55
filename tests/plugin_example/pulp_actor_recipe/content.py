"""What the recipe plugin adds when its distributions are served. Imported by the content server."""

from collections.abc import Mapping

from content.hooks import response_headers
from content.views import File, View
from pulp_actor_recipe import cookbook


@response_headers("recipe.recipe")
def caching(view: View, file: File) -> Mapping[str, str]:
    """A recipe may be kept by whoever stands between; the list of recipes is asked for anew."""
    return {"Cache-Control": "no-cache" if file.path == cookbook.NAME else "max-age=3600"}
