// Renews what changes on a page without moving it: the same page is fetched, and of #live only the sections that
// changed are put in place. What is being read, selected, opened or typed in is left as it is until the next round.
"use strict";
(function () {
  const live = document.getElementById("live");
  if (!live) return;

  function isInUse(section) {
    const selection = getSelection();
    const isSelected = selection && !selection.isCollapsed && section.contains(selection.anchorNode);
    return isSelected || section.contains(document.activeElement) || section.querySelector("details[open]");
  }

  function put(fresh) {
    const own = new Map(Array.from(live.children, (section) => [section.id, section]));
    const wanted = Array.from(fresh.children);
    const isSameSet = wanted.length === own.size && wanted.every((section) => own.has(section.id));
    if (!isSameSet) {
      if (!isInUse(live)) live.replaceChildren(...wanted);
      return;
    }
    for (const section of wanted) {
      const old = own.get(section.id);
      if (!old.isEqualNode(section) && !isInUse(old)) old.replaceWith(section);
    }
  }

  async function renew() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      const at = [scrollX, scrollY];
      if (fresh) put(fresh);
      scrollTo(...at);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the server is away for now; the next round tells
    }
  }
  setInterval(renew, Number(live.dataset.everyS || 10) * 1000);
})();
