// validatorUrl is null because its default asks another host.
SwaggerUIBundle({
  url: "../docs/api.json" + window.location.search, dom_id: "#swagger", deepLinking: true, validatorUrl: null,
  docExpansion: "none", tagsSorter: "alpha",
});
