// Datasette sets this in an inline script, which our headers forbid.
"use strict";
var DATASETTE_ALLOW_FACET = true;
