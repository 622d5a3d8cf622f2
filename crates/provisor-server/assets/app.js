// What the console does beyond links and forms. Every page works without it.
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // What is said is read out, and never takes the focus. A text said twice is read out twice.
  let saying = [];
  const say = (text) => {
    const region = document.getElementById("said");
    region.textContent = "";
    if (saying.push(text) > 1) return;
    setTimeout(() => { region.textContent = saying.join(" "); saying = []; }, 50);
  };
  // What is also shown, in a corner, for a while.
  const toast = (text) => {
    say(text);
    const region = document.getElementById("toasts");
    const shown = document.createElement("div");
    shown.className = "toast";
    shown.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn btn--sm";
    close.textContent = "Dismiss";
    close.addEventListener("click", () => shown.remove());
    shown.append(close);
    while (region.children.length > 2) region.firstChild.remove();
    region.append(shown);
    const end = () => {
      if (shown.matches(":hover, :focus-within")) setTimeout(end, 2000); else shown.remove();
    };
    setTimeout(end, 8000);
  };
  // What was done is told where it does not push the page down; what failed stays where it is.
  const flash = document.querySelector("[data-flash]");
  if (flash) setTimeout(() => {
    const text = flash.textContent.trim();
    if (flash.dataset.flash === "done") { flash.remove(); toast(text); } else say(text);
  }, 100);

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  };
  const mark = (source) => {
    // Without https there is no clipboard: the text is marked, to be copied by hand.
    getSelection().selectAllChildren(source);
    toast("Marked. Copy it with Ctrl C");
  };
  // Copy buttons: [data-copy] names the element whose text is copied.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (!source) return;
    if (!await copy(source.textContent.trim())) { mark(source); return; }
    say("Copied");
    button.words ??= button.innerHTML;
    button.textContent = "Copied";
    clearTimeout(button.waiting);
    button.waiting = setTimeout(() => { button.innerHTML = button.words; }, 1500);
  });

  // The theme changes at once; the form keeps it.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-theme-form]") || !event.submitter) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const theme = body.get("theme");
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    for (const button of document.querySelectorAll("[data-theme-form] button")) {
      button.setAttribute("aria-pressed", String((root.dataset.theme || "") === button.value));
    }
  });

  // Live parts: [data-live] names a stream of HTML fragments. Nothing moves under a pointer or the
  // focus: what came meanwhile waits behind a button. A hidden page listens to nothing.
  const each = (part, name) => new Set([...part.querySelectorAll(`[data-${name}]`)].map((one) => one.dataset[name]));
  const follow = (part) => {
    let waiting = null;
    let stream = null;
    const fresh = document.createElement("button");
    fresh.type = "button";
    fresh.className = "btn btn--sm fresh";
    fresh.hidden = true;
    const over = document.createElement("p");
    over.className = "fresh muted";
    over.hidden = true;
    part.before(over, fresh);
    const show = () => {
      if (waiting === null) return;
      const said = each(part, "said");
      part.innerHTML = waiting;
      waiting = null;
      fresh.hidden = true;
      for (const text of each(part, "said")) if (!said.has(text)) toast(text);
    };
    fresh.addEventListener("click", () => { show(); part.querySelector("a")?.focus(); });
    const isUsed = () => "hold" in part.dataset && part.matches(":hover, :focus-within");
    const arrived = (html) => {
      const before = each(part, "id");
      waiting = html;
      if (!isUsed()) { show(); return; }
      const then = new DOMParser().parseFromString(html, "text/html");
      const count = [...each(then, "id")].filter((id) => !before.has(id)).length;
      if (count === 0) return;
      fresh.textContent = count === 1 ? "1 new" : `${count} new`;
      if (fresh.hidden) say("New requests have arrived");
      fresh.hidden = false;
    };
    for (const left of ["mouseleave", "focusout"]) {
      part.addEventListener(left, () => setTimeout(() => { if (!isUsed()) show(); }, 300));
    }
    // The page says "live" only while it is.
    const showLive = (isLive) => {
      over.hidden = isLive;
      for (const one of document.querySelectorAll(".live")) one.hidden = !isLive;
    };
    const stopped = (text) => {
      showLive(false);
      over.textContent = text;
      say(text);
    };
    const listen = () => {
      stream = new EventSource(part.dataset.live);
      stream.addEventListener("fragment", (event) => arrived(event.data));
      stream.addEventListener("end", () => {
        stream.close();
        stream = "over";
        stopped("Live updates have ended. Reload the page.");
      });
      // Where it is closed, the browser does not try again: an answer that was no stream.
      stream.addEventListener("error", ({ target }) => {
        if (target !== stream || target.readyState !== EventSource.CLOSED) return;
        stream = null;
        stopped("Live updates have stopped. Reload the page, or come back to it.");
      });
      stream.addEventListener("open", () => showLive(true));
    };
    const pause = () => { if (stream && stream !== "over") { stream.close(); stream = null; } };
    const resume = () => { if (!document.hidden && !stream) listen(); };
    addEventListener("pagehide", pause);
    addEventListener("pageshow", resume);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) pause(); else resume();
    });
    resume();
  };
  document.querySelectorAll("[data-live]").forEach(follow);

  // Search as you type: [data-refresh] names the part of the page that follows the form.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-refresh]");
    if (!form) return;
    clearTimeout(form.waiting);
    form.waiting = setTimeout(() => refresh(form), 200);
  });
  const refresh = async (form) => {
    const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const url = `${form.action}?${fields}`;
    form.asking?.abort();
    form.asking = new AbortController();
    try {
      const answer = await fetch(url, { signal: form.asking.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [now, then] = [document, page].map((of) => of.getElementById(form.dataset.refresh));
      // Without the part, it is the sign-in or a problem: the page itself says so.
      if (!now || !then) { location.href = url; return; }
      now.replaceWith(then);
      history.replaceState(null, "", url);
      const rows = then.querySelectorAll("tbody tr").length;
      const more = then.querySelector("[rel=next]") ? " or more" : "";
      say(rows === 0 ? "None found" : `${rows}${more} found`);
    } catch {
      // The next key asks again, and the button works without this.
    }
  };

  // Keys. The dialog #keys lists them; a page without it has none.
  const help = document.getElementById("keys");
  document.addEventListener("click", (event) => {
    if (help && event.target.closest("[data-keys]")) help.showModal();
  });
  const search = () => {
    const field = document.querySelector(".search input");
    field?.focus();
    field?.select();
  };
  const rows = () => [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a"));
  const step = (by) => {
    const all = rows();
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
    all[Math.max(0, Math.min(next, all.length - 1))]?.querySelector("a").focus();
  };
  const copyId = async () => {
    const row = document.activeElement.closest("tr[data-id]");
    const page = document.querySelector("main [data-copied]");
    const id = row?.dataset.id || page?.textContent.trim();
    if (!id) return;
    if (await copy(id)) toast(`Copied ${id}`); else if (page && !row) mark(page);
  };
  const close = () => {
    const up = document.querySelector("main [data-up]");
    if (!up) return;
    // Back to the list as it was filtered, if that is where one came from.
    const from = document.referrer && new URL(document.referrer);
    if (from && from.origin === location.origin && from.pathname === up.pathname) history.back(); else up.click();
  };
  const acts = { "/": search, "?": () => help.showModal(), j: () => step(1), k: () => step(-1), c: copyId, Escape: close };
  let going = false;
  document.addEventListener("keydown", (event) => {
    if (!help || help.open || event.defaultPrevented || event.isComposing) return;
    if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      search();
      return;
    }
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    // Single letters can be switched off (WCAG 2.1.4), since some people dictate.
    if (root.dataset.keys === "off" && event.key !== "Escape") return;
    if (going) {
      going = false;
      document.querySelector(`.side a[data-go="${CSS.escape(event.key)}"]`)?.click();
    } else if (event.key === "g") {
      going = true;
      setTimeout(() => { going = false; }, 1500);
    } else if (Object.hasOwn(acts, event.key)) {
      event.preventDefault();
      acts[event.key]();
    }
  });
})();
