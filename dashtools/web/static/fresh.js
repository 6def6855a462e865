// Renews what changes on a page without moving it: the same page is fetched and #live put in place.
"use strict";
(function () {
  const live = document.getElementById("live");
  if (!live) return;
  async function renew() {
    if (document.hidden || live.contains(document.activeElement)) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (fresh && fresh.innerHTML !== live.innerHTML) live.innerHTML = fresh.innerHTML;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the server is away for now; the next round tells
    }
  }
  setInterval(renew, Number(live.dataset.everyS || 10) * 1000);
})();
