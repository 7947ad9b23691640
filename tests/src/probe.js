//! What the bench of windows measures inside a page: frames, and when things were drawn. Times are the computer's clock in
//! milliseconds, the same in every process. Deliberately absent: judging them.
window.probe ??= (() => {
  const pane = () => document.querySelector(".react-flow__pane");
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
  };
  /** Notes the time at which what was changed has been drawn: the beginning of the frame after the one that shows it. */
  const whenDrawn = (note) => requestAnimationFrame(() => note(Date.now()));

  /** Counts what the page's own work for frames takes, with all that it renders in consequence. The returned function ends it and gives the milliseconds since it was called last. */
  function meter() {
    const plain = window.requestAnimationFrame;
    let spent = 0;
    window.requestAnimationFrame = (work) => plain((time) => {
      const start = performance.now();
      // React renders in a microtask that was asked for before this one.
      queueMicrotask(() => (spent += performance.now() - start));
      work(time);
    });
    const take = () => {
      const before = spent;
      spent = 0;
      return before;
    };
    return { plain, take, stop: () => (window.requestAnimationFrame = plain) };
  }

  /** Counts frames for a while, and the script and layout of each, which no graphics card speeds up; `work` is called in each with its number. */
  async function frames(ms, work = () => undefined) {
    const gaps = [];
    const own = [];
    const { plain, take, stop } = meter();
    const following = () => new Promise((resolve) => plain.call(window, resolve));
    const start = performance.now();
    let last = await following();
    const first = last;
    for (let count = 0; performance.now() - start < ms; count += 1) {
      const begun = performance.now();
      work(count);
      // Past the microtask in which React renders; then the layout is asked for.
      for (let turn = 0; turn < 3; turn += 1) await null;
      document.body.getBoundingClientRect();
      own.push(performance.now() - begun + take());
      const now = await following();
      gaps.push(now - last);
      last = now;
    }
    stop();
    return { per_s: (gaps.length * 1000) / (last - first), gaps, own };
  }

  /** What this computer can draw at most: the window in one colour and another, with nothing in it. */
  async function bare(ms) {
    const root = document.querySelector("#root");
    root.style.display = "none";
    const counted = await frames(ms, (count) => (document.body.style.background = count % 2 ? "#fff" : "#eee"));
    root.style.display = "";
    document.body.style.background = "";
    return counted;
  }

  /** Pans to and fro over the pipeline, as a wheel or two fingers do. */
  const pan = (ms) => frames(ms, (count) => {
    const deltaX = count % 120 < 60 ? 14 : -14;
    pane().dispatchEvent(new WheelEvent("wheel", { ...middle(pane()), deltaX, deltaY: 0, bubbles: true, cancelable: true, view: window }));
  });

  /** Drags the step nearest to the middle in circles. */
  async function drag(ms) {
    const centre = middle(pane());
    const far = (element) => Math.hypot(middle(element).clientX - centre.clientX, middle(element).clientY - centre.clientY);
    const step = [...document.querySelectorAll(".react-flow__node-step .node__label")].sort((a, b) => far(a) - far(b))[0];
    const from = middle(step);
    const mouse = (kind, at) => (kind === "mousedown" ? step : window).dispatchEvent(new MouseEvent(kind, { ...at, button: 0, buttons: 1, bubbles: true, cancelable: true, view: window }));
    const before = step.closest(".react-flow__node").style.transform;
    mouse("mousedown", from);
    const counted = await frames(ms, (count) => mouse("mousemove", { clientX: from.clientX + 12 + 60 * Math.sin(count / 15), clientY: from.clientY + 60 * Math.cos(count / 15) }));
    const moved = step.closest(".react-flow__node").style.transform !== before;
    mouse("mouseup", from);
    if (!moved) throw new Error("the step did not move");
    return counted;
  }

  /** Notes which place of which pointer was drawn when. */
  function watchCursors() {
    const seen = [];
    const take = (mark) => {
      const { testid, x } = mark.dataset;
      whenDrawn((at) => seen.push([testid, Number(x), at]));
    };
    const watcher = new MutationObserver((records) => {
      for (const { type, target, addedNodes } of records) {
        if (type === "attributes") take(target);
        else for (const node of addedNodes) if (node.classList?.contains("cursor")) take(node);
      }
    });
    watcher.observe(document.querySelector(".canvas"), { subtree: true, childList: true, attributes: true, attributeFilter: ["data-x"] });
    return () => {
      watcher.disconnect();
      return seen;
    };
  }

  /** Notes when steps were drawn as disabled or enabled. */
  function watchDisabled() {
    const seen = [];
    const watcher = new MutationObserver((records) => records.length > 0 && whenDrawn((at) => seen.push(at)));
    watcher.observe(document.querySelector(".canvas"), { subtree: true, attributes: true, attributeFilter: ["data-disabled"] });
    return () => {
      watcher.disconnect();
      return seen;
    };
  }

  /** Notes when keys were pressed, and when the engine had answered that it took the edit that followed. */
  function watchInput() {
    const pressed = [];
    const taken = [];
    const press = () => pressed.push(Date.now());
    window.addEventListener("keydown", press, true);
    const plain = window.fetch;
    window.fetch = (target, ...rest) => {
      const answer = plain(target, ...rest);
      if (String(target).endsWith("/document_push")) answer.then(() => taken.push(Date.now()), () => undefined);
      return answer;
    };
    return () => {
      window.removeEventListener("keydown", press, true);
      window.fetch = plain;
      return { pressed, taken };
    };
  }

  const firstPaint = () => {
    const paint = performance.getEntriesByType("paint").find((one) => one.name === "first-contentful-paint");
    return paint ? performance.timeOrigin + paint.startTime : null;
  };

  const watchers = { cursors: watchCursors, disabled: watchDisabled, input: watchInput };
  const running = {};
  return {
    frames: (ms) => frames(ms),
    bare,
    pan,
    drag,
    firstPaint,
    watch: (name) => {
      running[name] = watchers[name]();
    },
    end: (name) => running[name](),
  };
})();
