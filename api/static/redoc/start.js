// Shows the document beside this page; the page's own query is passed on, so that ?component=file works here too.
Redoc.init("api.json" + window.location.search, { disableSearch: false, hideDownloadButton: false }, document.getElementById("redoc"));
