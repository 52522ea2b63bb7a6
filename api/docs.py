"""`/docs`: the API's own document, with Swagger UI served from here. A hospital's network reaches no one else's host."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

PATH, FILES = "/docs", "/docs-files"


def install(app: FastAPI) -> None:
    """The page and its files; open to whoever reaches the port, since the document holds no data."""

    async def page(_: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url=app.openapi_url or "",
            title=app.title,
            swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{FILES}/favicon-32x32.png",
            swagger_ui_parameters={"persistAuthorization": True, "filter": True},
        )

    async def home(_: Request) -> Response:
        return RedirectResponse(PATH)

    app.add_route("/", home, include_in_schema=False)
    app.mount(FILES, StaticFiles(packages=[("fastapi_swagger", "resources")]))
    app.add_route(PATH, page, include_in_schema=False)
