// What a measuring browser has in every page: it says when something can be seen, by the page's own clock.
globalThis.tw = {
  /** When the test is true and the frame that shows it is out. */
  seen: (test, patience = 60_000) => new Promise((done, fail) => {
    const began = performance.now();
    const look = () => {
      let is = false;
      try { is = test(); } catch { is = false; }
      if (is) requestAnimationFrame(() => { done(performance.now()); });
      else if (performance.now() - began > patience) fail(new Error(`not seen: ${test}`));
      else requestAnimationFrame(look);
    };
    look();
  }),
  /** Whether a canvas shows something. */
  inked: (selector) => {
    const canvas = document.querySelector(selector);
    if (!canvas?.width || !canvas.height) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let inked = 0;
    for (let at = 3; at < data.length; at += 4 * 31) if (data[at]) inked += 1;
    return inked > 200;
  },
  count: (selector) => document.querySelectorAll(selector).length,
  text: (selector) => document.querySelector(selector)?.textContent ?? "",
  /** Frames while something is done in each of them. */
  frames: async (ms, each) => {
    const gaps = [];
    let last = await new Promise(requestAnimationFrame);
    const until = last + ms;
    for (let n = 0; last < until; n += 1) {
      each(n);
      const now = await new Promise(requestAnimationFrame);
      gaps.push(now - last);
      last = now;
    }
    return gaps;
  },
  /** Milliseconds since 1970 at which each of the wanted things was first seen. */
  first: {},
  note: (name, test) => {
    const look = () => {
      if (tw.first[name]) return;
      if (test()) requestAnimationFrame(() => { tw.first[name] = performance.timeOrigin + performance.now(); });
      else requestAnimationFrame(look);
    };
    look();
  },
};

/** Put a text into a field as the browser does when somebody types: React hears of it through the element's own setter. */
tw.type = (selector, text) => {
  const box = document.querySelector(selector);
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, text);
  box.dispatchEvent(new InputEvent("input", { bubbles: true }));
};
tw.press = (element, init) => { element.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init })); };
/** Press and let go of the pointer in the middle of something. */
tw.click = (selector) => {
  const target = document.querySelector(selector);
  const box = target.getBoundingClientRect();
  const init = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, pointerId: 1, bubbles: true };
  // No finger and no mouse is down whose pointer could be captured.
  const stage = target.closest(".stage");
  stage.setPointerCapture = () => {};
  for (const type of ["pointerdown", "pointerup"]) target.dispatchEvent(new PointerEvent(type, init));
};
/** The end of the newest answer whose address has this part. */
tw.answered = (part) => performance.getEntriesByType("resource").filter((one) => one.name.includes(part)).at(-1).responseEnd;
/** Go back in the history; how long until the test is true, and when that was. */
tw.back = async (test) => {
  const began = performance.now();
  history.back();
  const at = await tw.seen(test);
  return [at - began, at];
};
/** A turn of the event loop, shorter than a frame. */
tw.turn = () => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = done;
  port2.postMessage(0);
});
/** From the pointer's event until what is said about the place under it is another. */
tw.hover = async (x, y) => {
  const target = document.querySelector(".gridscroll");
  const before = tw.text(".cv .tip");
  const began = performance.now();
  target.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true }));
  while (tw.text(".cv .tip") === before && performance.now() < began + 5_000) await tw.turn();
  return performance.now() - began;
};
/** The pixels of a canvas. */
tw.pixels = (selector) => {
  const canvas = document.querySelector(selector);
  // A copy is read, so that the browser has no reason to paint the canvas itself another way.
  tw.copy ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const { width, height } = Object.assign(tw.copy.canvas, { width: canvas.width, height: canvas.height });
  tw.copy.drawImage(canvas, 0, 0);
  return { width, height, at: new Uint32Array(tw.copy.getImageData(0, 0, width, height).data.buffer) };
};
/** What a canvas shows at the end of each frame, while something is done at the beginning of each. */
tw.film = async (selector, frames, each) => {
  const film = [];
  for (let n = 0; n < frames; n += 1) {
    each(n);
    await new Promise(requestAnimationFrame);
    await tw.turn();
    film.push(tw.pixels(selector));
  }
  return film;
};
/** Squares of a picture below its head in which nothing is drawn. */
tw.holes = ({ width, height, at }, head = 120, side = 48) => {
  let holes = 0;
  for (let top = head; top + side <= height; top += side) {
    for (let left = 0; left + side <= width; left += side) {
      let is = true;
      for (let y = top; is && y < top + side; y += 1) for (let x = left; is && x < left + side; x += 1) is = at[y * width + x] === 0;
      if (is) holes += 1;
    }
  }
  return holes;
};
/** Pixels that some frame shows as neither the first nor the last one does; and which part of the picture is other at last. */
tw.flashes = (first, film) => {
  const last = film.at(-1);
  const width = Math.min(first.width, ...film.map((one) => one.width));
  const height = Math.min(first.height, ...film.map((one) => one.height));
  let flashes = 0;
  let changed = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [one, other] = [first.at[y * first.width + x], last.at[y * last.width + x]];
      if (one !== other) changed += 1;
      for (const frame of film) {
        const shown = frame.at[y * frame.width + x];
        if (shown !== one && shown !== other) flashes += 1;
      }
    }
  }
  return [flashes, (100 * changed) / (width * height)];
};
tw.zoom = (n) => {
  const init = { deltaY: n % 60 < 30 ? -40 : 40, clientX: 700, clientY: 500, bubbles: true, cancelable: true };
  document.querySelector(".stage").dispatchEvent(new WheelEvent("wheel", init));
};
/** By the number of a line that says when it was printed: that, and when it could be seen, both since 1970. */
tw.lines = {};
tw.watchLines = () => {
  const look = () => {
    for (const row of document.querySelectorAll(".l .x")) {
      const said = /^line (\d+) at (\d+)/.exec(row.textContent);
      if (said && !(said[1] in tw.lines)) tw.lines[said[1]] = [Number(said[2]), performance.timeOrigin + performance.now()];
    }
    requestAnimationFrame(look);
  };
  look();
};
/** What stands on a page, but for what people and tasks have named. */
tw.words = () => {
  const names = ".id, code, pre, kbd, .nm, .tag, .mono, select, script, .cm-editor, .l, [lang=en]";
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.parentElement.closest(names)) found.add(walk.currentNode.textContent.trim());
  }
  return [...found];
};
/** Serious and critical findings of axe. */
tw.axe = async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.filter((one) => one.impact === "serious" || one.impact === "critical").map((one) => ({
    id: one.id, impact: one.impact, count: one.nodes.length,
    first: one.nodes.slice(0, 2).map((node) => node.target.join(" ")).join(" | ").slice(0, 160),
  }));
};
/** When nothing has changed on the page for a while, or after some seconds. */
tw.quiet = (ms = 350, patience = 4_000) => new Promise((done) => {
  const until = performance.now() + patience;
  let last = performance.now();
  const watch = new MutationObserver(() => { last = performance.now(); });
  watch.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
  const look = () => {
    if (performance.now() - last < ms && performance.now() < until) setTimeout(look, 50);
    else { watch.disconnect(); done(); }
  };
  look();
});
