// Moves and zooms the maps, puts tiles under them where there are some, draws the box to search in, and shows where a
// video is. A place is found as in mercator.py: the whole world is `scale` units wide, the window begins at left, top.
"use strict";
(function () {
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 640, HEIGHT = 400, TILE = 256;
  const METRES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6];
  const DEGREES = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 45];
  const EQUATOR_M = 40075016.686;

  function make(name, attributes, parent) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  }

  class RouteMap {
    constructor(figure) {
      this.figure = figure;
      this.canvas = figure.querySelector(".canvas");
      const given = figure.dataset;
      this.scale = Number(given.scale); this.left = Number(given.left); this.top = Number(given.top);
      this.middle = Number(given.middleLongitude);
      this.tiles = given.tiles || null;
      this.view = { x: 0, y: 0, zoom: 1 };
      this.listen();
      this.draw();
      if (given.box) this.showBox(given.box.split(",").map(Number));
    }

    place(latitude, longitude) {
      const turned = this.middle + ((longitude - this.middle + 540) % 360) - 180;
      const phi = Math.max(-85.05, Math.min(85.05, latitude)) * Math.PI / 180;
      const y = 0.5 - Math.log(Math.tan(Math.PI / 4 + phi / 2)) / (2 * Math.PI);
      return [(turned + 180) / 360 * this.scale - this.left, y * this.scale - this.top];
    }

    back(x, y) {
      const longitude = (((x + this.left) / this.scale * 360) % 360 + 360) % 360 - 180;
      const latitude = Math.atan(Math.exp((0.5 - (y + this.top) / this.scale) * 2 * Math.PI)) * 360 / Math.PI - 90;
      return [latitude, longitude];
    }

    // where a pointer is, in units of the picture
    at(event) {
      const box = this.canvas.getBoundingClientRect(), { x, y, zoom } = this.view;
      return [x + (event.clientX - box.left) / box.width * WIDTH / zoom, y + (event.clientY - box.top) / box.height * HEIGHT / zoom];
    }

    zoom(factor, x = this.view.x + WIDTH / this.view.zoom / 2, y = this.view.y + HEIGHT / this.view.zoom / 2) {
      const before = this.view.zoom;
      const least = Math.min(1, WIDTH / this.scale);
      const zoom = Math.max(least, Math.min(4e7 / this.scale * 8, 400, before * factor)) || 1;
      this.view = { x: x - (x - this.view.x) * before / zoom, y: y - (y - this.view.y) * before / zoom, zoom };
      this.draw();
    }

    move(dx, dy) { this.view.x += dx / this.view.zoom; this.view.y += dy / this.view.zoom; this.draw(); }

    draw() {
      const { x, y, zoom } = this.view;
      this.canvas.setAttribute("viewBox", `${x} ${y} ${WIDTH / zoom} ${HEIGHT / zoom}`);
      for (const [name, value] of Object.entries({ x, y, width: WIDTH / zoom, height: HEIGHT / zoom })) {
        this.canvas.querySelector(".sea").setAttribute(name, value);
      }
      for (const pin of this.canvas.querySelectorAll(".pin")) if (pin.dataset.x) this.pin(pin);
      this.drawTiles(); this.drawGrid(); this.drawBar();
    }

    // how much larger than the drawing's own units things must be to stay readable in a narrow window
    get grown() { return Math.min(1.7, Math.max(1, WIDTH / (this.figure.clientWidth || WIDTH))); }

    pin(element) {
      element.setAttribute("transform", `translate(${element.dataset.x} ${element.dataset.y}) scale(${this.grown / this.view.zoom})`);
    }

    drawTiles() {
      const group = this.canvas.querySelector(".tiles"), { x, y, zoom } = this.view;
      if (!this.tiles) return;
      const most = Number(this.figure.dataset.mostZoom), exact = Math.log2(this.scale * zoom / TILE);
      const level = Math.max(0, Math.min(most, Math.round(exact)));
      if (exact > most + 2.6) { group.replaceChildren(); return; } // enlarged so much, it would only be a blur
      const count = 2 ** level, side = this.scale / count, wanted = new Map();
      const first = [Math.floor((x + this.left) / side), Math.floor((y + this.top) / side)];
      const last = [Math.floor((x + WIDTH / zoom + this.left) / side), Math.floor((y + HEIGHT / zoom + this.top) / side)];
      for (let row = Math.max(0, first[1]); row <= Math.min(count - 1, last[1]); row++) {
        for (let column = first[0]; column <= last[0]; column++) wanted.set(`${level}/${column}/${row}`, [column, row]);
      }
      for (const image of Array.from(group.children)) if (!wanted.delete(image.dataset.key)) image.remove();
      for (const [key, [column, row]] of wanted) {
        const url = this.tiles.replace("{z}", level).replace("{x}", ((column % count) + count) % count).replace("{y}", row);
        const image = make("image", { x: column * side - this.left, y: row * side - this.top, width: side * 1.002, height: side * 1.002, href: url }, group);
        image.dataset.key = key;
      }
    }

    drawGrid() {
      const group = this.canvas.querySelector(".grid"), { x, y, zoom } = this.view;
      const [north, west] = this.back(x, y), [south] = this.back(x, y + HEIGHT / zoom);
      const wide = WIDTH / zoom / this.scale * 360, step = DEGREES.find((d) => wide / d <= 5) || 45;
      const digits = Math.max(0, Math.ceil(-Math.log10(step)));
      group.replaceChildren();
      const size = 11 * this.grown / zoom, name = (d, words) => `${Math.abs(d).toFixed(digits)}° ${d >= 0 ? words[0] : words[1]}`;
      for (let n = Math.ceil(west / step); n * step <= west + wide; n++) {
        const px = (((n * step - west) / 360) * this.scale) + x;
        make("path", { d: `M${px} ${y}v${HEIGHT / zoom}` }, group);
        make("text", { x: px + 3 / zoom, y: y + (HEIGHT - 5) / zoom, "font-size": size }, group).textContent = name(((n * step + 540) % 360) - 180, "EW");
      }
      for (let n = Math.ceil(south / step); n * step <= north; n++) {
        const py = this.place(n * step, this.middle)[1];
        make("path", { d: `M${x} ${py}h${WIDTH / zoom}` }, group);
        make("text", { x: x + 4 / zoom, y: py - 4 / zoom, "font-size": size }, group).textContent = name(n * step, "NS");
      }
    }

    drawBar() {
      const { x, y, zoom } = this.view, latitude = this.back(x, y + HEIGHT / zoom / 2)[0];
      const perMetre = this.scale * zoom / (EQUATOR_M * Math.max(0.01, Math.cos(latitude * Math.PI / 180)));
      const length = METRES.filter((m) => m * perMetre <= WIDTH / 4).pop() || 1, px = length * perMetre;
      const bar = this.figure.querySelector(".scale");
      bar.querySelector("path").setAttribute("d", `M0 -6 V0 H${px} V-6`);
      bar.querySelector("text").setAttribute("x", px / 2);
      bar.querySelector("text").setAttribute("font-size", 13 * this.grown);
      bar.querySelector("text").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
    }

    show(latitude, longitude) {
      const dot = this.canvas.querySelector(".now"), [x, y] = this.place(latitude, longitude);
      dot.dataset.x = x; dot.dataset.y = y;
      dot.removeAttribute("hidden");
      this.pin(dot);
    }

    frame(a, b) {
      const picked = this.canvas.querySelector(".picked");
      picked.removeAttribute("hidden");
      const box = { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]), width: Math.abs(a[0] - b[0]), height: Math.abs(a[1] - b[1]) };
      for (const [name, value] of Object.entries(box)) picked.setAttribute(name, value);
    }

    showBox([west, south, east, north]) { this.frame(this.place(north, west), this.place(south, east)); }

    pick(a, b) {
      const [north, west] = this.back(Math.min(a[0], b[0]), Math.min(a[1], b[1]));
      const [south, east] = this.back(Math.max(a[0], b[0]), Math.max(a[1], b[1]));
      const input = document.getElementById(this.figure.dataset.picksBox);
      input.value = [west, south, east, north].map((value) => Number(value.toFixed(5))).join(",");
      input.form.submit();
    }

    listen() {
      const keys = this.figure.querySelector(".mapkeys"), boxKey = keys.querySelector("[data-map=box]");
      let from = null, isBox = false, moved = false;
      keys.hidden = false;
      keys.addEventListener("click", (event) => {
        const what = event.target.dataset.map;
        if (what === "in") this.zoom(1.6);
        if (what === "out") this.zoom(1 / 1.6);
        if (what === "fit") { this.view = { x: 0, y: 0, zoom: 1 }; this.draw(); }
        if (what === "box") { isBox = !isBox; boxKey.setAttribute("aria-pressed", isBox); this.figure.classList.toggle("picking", isBox); }
      });
      this.canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && document.activeElement !== this.figure) return; // a page that is scrolled over stays scrollable
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.25 : 0.8, ...this.at(event));
      }, { passive: false });
      this.canvas.addEventListener("pointerdown", (event) => { from = this.at(event); moved = false; if (isBox) event.preventDefault(); });
      addEventListener("pointermove", (event) => {
        if (!from) return;
        const now = this.at(event);
        moved = moved || Math.hypot(now[0] - from[0], now[1] - from[1]) * this.view.zoom > 4;
        if (!moved) return;
        if (isBox) this.frame(from, now);
        else { this.view.x += from[0] - now[0]; this.view.y += from[1] - now[1]; this.draw(); }
      });
      addEventListener("pointerup", (event) => { if (from && moved && isBox) this.pick(from, this.at(event)); from = null; });
      this.canvas.addEventListener("click", (event) => { if (moved) event.preventDefault(); }, true);
      this.canvas.addEventListener("dragstart", (event) => event.preventDefault());
      addEventListener("resize", () => this.draw());
      this.figure.addEventListener("keydown", (event) => {
        if (event.target !== this.figure) return;
        const moves = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
        if (moves[event.key]) this.move(...moves[event.key]);
        else if (event.key === "+" || event.key === "=") this.zoom(1.6);
        else if (event.key === "-") this.zoom(1 / 1.6);
        else if (event.key === "0") { this.view = { x: 0, y: 0, zoom: 1 }; this.draw(); }
        else return;
        event.preventDefault(); event.stopPropagation();
      });
    }
  }

  const maps = Array.from(document.querySelectorAll("figure.map"), (figure) => new RouteMap(figure));
  window.dashMaps = { show: (latitude, longitude) => { for (const map of maps) map.show(latitude, longitude); } };
})();
