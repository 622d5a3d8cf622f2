// What the console does beyond links and forms. Every page works without it.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const say = (text) => {
    const region = document.getElementById("said");
    if (region) region.textContent = text;
  };

  // Copy buttons: [data-copy] names the element whose text is copied.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      say("Copied");
    } catch {
      // Without https there is no clipboard: the text is marked, to be copied by hand.
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      say("Marked. Copy it with Ctrl C");
      return;
    }
    const words = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = words; }, 1500);
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
    showTheme();
  });
  const showTheme = () => {
    for (const button of document.querySelectorAll("[data-theme-form] button")) {
      button.setAttribute("aria-pressed", String((root.dataset.theme || "") === button.value));
    }
  };

  // Live parts: [data-live] names a stream of HTML fragments.
  const follow = (part) => {
    if (part.dataset.following) return;
    part.dataset.following = "yes";
    const stream = new EventSource(part.dataset.live);
    stream.addEventListener("fragment", (event) => {
      part.innerHTML = event.data;
      if (window.htmx) htmx.process(part);
    });
    const stop = (words) => { stream.close(); part.dataset.live = ""; say(words); };
    stream.addEventListener("end", () => stop("Live updates have ended. Reload the page."));
    addEventListener("pagehide", () => stream.close());
  };
  const followAll = (within) => within.querySelectorAll("[data-live]").forEach(follow);
  followAll(document);
  document.addEventListener("htmx:after:swap", () => followAll(document));

  // Search as you type: [data-refresh] names the part of the page that follows the form.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-refresh]");
    if (!form) return;
    clearTimeout(form.waiting);
    form.waiting = setTimeout(() => refresh(form), 200);
  });
  const refresh = async (form) => {
    const url = `${form.action}?${new URLSearchParams(new FormData(form))}`;
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
      say(rows === 1 ? "1 row" : `${rows} rows`);
    } catch {
      // The next key asks again, and the button works without this.
    }
  };

  // Keys: / and Ctrl K search, g and a letter go, Escape leaves a field.
  let going = false;
  document.addEventListener("keydown", (event) => {
    const search = document.querySelector(".search input");
    if (event.key === "k" && (event.metaKey || event.ctrlKey) && search) {
      event.preventDefault();
      search.focus();
      return;
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
    } else if (going) {
      going = false;
      const places = { o: "/", c: "/connections", u: "/users", t: "/teams", l: "/log", k: "/tokens", w: "/why" };
      const link = document.querySelector(`.side a[href="${places[event.key]}"]`);
      if (link) link.click();
    } else if (event.key === "g") {
      going = true;
      setTimeout(() => { going = false; }, 1000);
    }
  });
})();
