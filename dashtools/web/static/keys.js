// Keys for every page: search, through a list, and the list of keys itself.
"use strict";
(function () {
  const dialog = document.getElementById("keys");
  const opener = document.getElementById("keys-open");
  function tell() { if (dialog && !dialog.open) dialog.showModal(); }
  if (opener) { opener.hidden = false; opener.addEventListener("click", tell); }

  function move(step) {
    const links = Array.from(document.querySelectorAll("main .card, main .match, main tbody td:first-child a"));
    if (!links.length) return;
    const here = links.indexOf(document.activeElement);
    const next = links[here < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, here + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select, dialog")) return;
    if (event.key === "/") { event.preventDefault(); document.getElementById("q").focus(); }
    if (event.key === "?") tell();
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  });
})();
