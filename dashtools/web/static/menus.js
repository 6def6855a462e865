// A click beside an open menu of Datasette's closes it.
"use strict";
document.addEventListener("click", (event) => {
  const inside = event.target.closest("details");
  for (const menu of document.querySelectorAll("details.nav-menu[open], details.actions-menu-links[open]")) {
    if (menu !== inside) menu.open = false;
  }
});
