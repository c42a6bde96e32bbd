// The web page: it shortens URLs, and manages the links of whoever has a key. What it shows is set as text, never as HTML.
"use strict";

const KEY = "squrl-key"; // in sessionStorage: gone with the tab
const AT_ONCE = 100; // links that the API takes in one request
const $ = (id) => document.getElementById(id);

const page = { shown: [], cursor: null, search: 0 };

// --- The API ---

class Refused extends Error {
  constructor(status, answer) {
    super(answer?.message ?? `The answer was ${status}`);
    this.status = status;
    this.kind = answer?.error;
    this.details = answer?.details ?? [];
  }
}

const key = () => sessionStorage.getItem(KEY) ?? "";

async function call(method, path, { body, revision, as = key() } = {}) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (as) headers.Authorization = `Bearer ${as}`;
  if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store", redirect: "error",
    });
  } catch {
    throw new Refused(0, { message: "The service can't be reached. Are you connected?" });
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.status === 401 && as && as === key()) forgetKey();
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

const pathOf = (link, rest = "") => `/links/${encodeURIComponent(link.short_code)}${rest}`;

// --- Making elements ---

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const button = (text, act, className = "plain") => make("button", { type: "button", className, onclick: act }, text);

function say(text) {
  $("said").textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => ($("said").textContent = ""), 6000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    prompt("Copy it from here:", text);
  }
}

function open(title, ...children) {
  $("dialog-title").textContent = title;
  $("dialog-body").replaceChildren(...children);
  if (!$("dialog").open) $("dialog").showModal();
}

// --- Forms ---

// A button can't be pressed twice while its work goes on.
async function during(form, work) {
  const buttons = [...form.querySelectorAll("button")].filter((each) => !each.disabled);
  buttons.forEach((each) => (each.disabled = true));
  clearErrors(form);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    showError(form, error);
  } finally {
    buttons.forEach((each) => (each.disabled = false));
  }
}

function clearErrors(form) {
  form.querySelectorAll(".error").forEach((each) => each.remove());
  form.querySelectorAll("[aria-invalid]").forEach((each) => {
    each.removeAttribute("aria-invalid");
    each.removeAttribute("aria-describedby");
  });
}

// Each message stands beside the field at fault; what belongs to none stands at the form's end.
function showError(form, error) {
  const place = { InvalidUrl: "original_url", ConflictError: "custom_code" }[error.kind];
  const details = error.details.length ? error.details : [{ field: place, message: error.message }];
  let first = null;
  for (const { field, message } of details) {
    const input = form.elements.namedItem(String(field).split(/[.[]/)[0]);
    const text = make("p", { className: "error", id: `error-${form.id}-${field}` }, `${message}.`);
    if (input) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", text.id);
      input.closest(".field").append(text);
      const folded = input.closest("details");
      if (folded) folded.open = true;
      first ??= input;
    } else {
      text.setAttribute("role", "alert");
      form.append(text);
    }
  }
  first?.focus();
}

function field(name, label, input, hint) {
  input.id = `${name}-${Math.random().toString(36).slice(2, 8)}`;
  input.name = name;
  const note = hint && make("span", { className: "quiet" }, hint);
  return make("div", { className: "field" }, make("label", { htmlFor: input.id }, label), input, note);
}

// What may be said of a link besides its destination. `link` is the one that is changed, if one is.
function optionFields(link) {
  const text = (value = "") => make("input", { type: "text", autocomplete: "off", value });
  const number = (value) => make("input", { type: "number", min: 1, step: 1, value: value ?? "" });
  const kinds = make("select", {}, make("option", { value: "301" }, "permanent (301)"),
    make("option", { value: "302" }, "temporary (302): every click counts"));
  kinds.value = link?.redirect_type ?? "301";
  const forward = make("input", { type: "checkbox", checked: link?.forward_query ?? false });
  const forwarded = field("forward_query", "Pass on query parameters", forward);
  forwarded.classList.add("check");
  forwarded.prepend(forward);
  const fields = [
    link ? null : field("custom_code", "Code", text(), "3 to 20 letters, digits, _ and -; empty for a drawn one"),
    field("ttl_hours", "Hours until it ends", number(), link ? "from now; empty leaves it" : "empty for never"),
    field("max_clicks", "Most clicks", number(link?.max_clicks), "empty for any number"),
    field("redirect_type", "Kind", kinds),
  ];
  if (key()) {
    fields.push(field("title", "Title", text(link?.title ?? "")));
    fields.push(field("tags", "Tags", text(link?.tags.join(" ") ?? ""), "separated by spaces"));
  }
  return [...fields.filter(Boolean), forwarded];
}

// What a form says, as the API takes it. Where a link is changed, what was emptied is removed.
function read(form, link) {
  const values = Object.fromEntries(new FormData(form));
  const asked = {};
  const set = (name, value) => {
    if (value !== "" || (link && name !== "ttl_hours")) asked[name] = value === "" ? null : value;
  };
  const address = withScheme(values.original_url.trim());
  form.elements.namedItem("original_url").value = address;
  if (address !== link?.original_url) asked.original_url = address;
  if (!link) set("custom_code", values.custom_code.trim());
  for (const name of ["ttl_hours", "max_clicks"]) set(name, values[name] === "" ? "" : Number(values[name]));
  asked.redirect_type = values.redirect_type;
  asked.forward_query = "forward_query" in values;
  if ("title" in values) {
    set("title", values.title.trim());
    asked.tags = values.tags.split(/[\s,]+/).filter(Boolean);
  }
  return asked;
}

// Whoever writes example.com/x means https://example.com/x; the form shows that it was understood so.
const withScheme = (text) => (text === "" || /^[a-z][a-z0-9+.-]*:(\/\/|(?!\d))/i.test(text) ? text : `https://${text}`);

// --- Shortening ---

async function shorten() {
  const link = await call("POST", "/create", { body: read($("shorten-form")) });
  const shown = link.short_url ?? `${location.origin}/${link.short_code}`;
  $("made").replaceChildren(
    make("p", { className: "short" }, make("a", { href: shown }, shown)),
    make("p", { className: "to" }, `leads to ${link.original_url}`),
    make("div", { className: "actions" }, button("Copy", () => copy(shown), "primary"), button("QR code", () => showQr(link))),
  );
  $("made").hidden = false;
  $("made").querySelector("button").focus();
  say("The link is ready");
  if (key()) await find();
}

// --- Own links ---

async function find() {
  const search = ++page.search; // an answer to an earlier question is too late
  const asked = Object.fromEntries([...new FormData($("filter"))].filter(([, value]) => value.trim() !== ""));
  page.cursor = null;
  const found = await pages(asked);
  if (search !== page.search) return;
  page.shown = [];
  $("list").replaceChildren();
  show(found);
}

async function showMore() {
  const search = page.search;
  const found = await pages({ cursor: page.cursor });
  if (search === page.search) show(found);
}

// A page may be short and still have a cursor: go on until there is something to show.
async function pages(asked) {
  const filters = Object.fromEntries([...new FormData($("filter"))].filter(([, value]) => value.trim() !== ""));
  const found = [];
  let cursor = asked.cursor;
  do {
    const query = new URLSearchParams({ ...filters, limit: 50 });
    if (cursor) query.set("cursor", cursor);
    const answer = await call("GET", `/links?${query}`);
    found.push(...answer.links);
    cursor = answer.cursor;
  } while (cursor && found.length < 20);
  page.cursor = cursor;
  return found;
}

function show(links) {
  page.shown.push(...links);
  $("list").append(...links.map(row));
  $("none").hidden = page.shown.length > 0;
  $("more").hidden = !page.cursor;
}

function row(link) {
  const live = link.status === "active";
  const deleted = link.status === "deleted";
  const shown = link.short_url ?? `${location.origin}/${link.short_code}`;
  const item = make("li");
  const again = (changed) => {
    page.shown = page.shown.map((each) => (each.short_code === changed.short_code ? changed : each));
    item.replaceWith(row(changed));
  };
  const attempt = (work) => async () => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(error.message);
    }
  };
  const turn = (status) => attempt(async () => {
    again(await call("PATCH", pathOf(link), { body: { status }, revision: link.revision }));
    say(status === "active" ? `${link.short_code} works again` : `${link.short_code} is disabled`);
  });
  const facts = [link.title, link.tags.map((tag) => `#${tag}`).join(" "), link.expires_at && `until ${link.expires_at}`,
    link.max_clicks && `at most ${link.max_clicks} clicks`, link.locked && "locked by an administrator"];
  item.append(
    make("h3", {}, make("a", { href: shown, rel: "noreferrer" }, link.short_code),
      make("span", { className: `badge ${link.status}` }, link.status.replace("_", " ")),
      make("span", { className: "count" }, `${link.click_count.toLocaleString("en")} clicks`)),
    make("p", { className: "to", title: link.original_url ?? "" }, link.original_url ?? "Where it led was erased"),
    make("p", { className: "quiet" }, facts.filter(Boolean).join(" · ")),
    make("div", { className: "actions", role: "group", "aria-label": `Link ${link.short_code}` },
      deleted ? null : button("Copy", () => copy(shown)),
      live ? button("QR code", () => showQr(link)) : null,
      button("Statistics", attempt(() => showStatistics(link))),
      deleted ? null : button("Change", () => showChange(link, again)),
      deleted ? null : link.status === "disabled" ? button("Enable", turn("active")) : button("Disable", turn("disabled")),
      deleted ? null : button("Delete", () => showDelete(link, item), "danger plain")),
  );
  return item;
}

function showChange(link, again) {
  const address = field("original_url", "Long URL", make("input", { type: "text", inputMode: "url", value: link.original_url }));
  const form = make("form", { id: "change", noValidate: true }, address,
    make("div", { className: "fields" }, ...optionFields(link)), make("p", {}, make("button", {}, "Save")));
  form.onsubmit = (event) => {
    event.preventDefault();
    during(form, async () => {
      const changed = await call("PATCH", pathOf(link), { body: read(form, link), revision: link.revision });
      again(changed);
      $("dialog").close();
      const old = changed.cached_until ? ` Browsers may follow the old one until ${changed.cached_until}.` : "";
      say(`${link.short_code} is changed.${old}`);
    });
  };
  open(`Change ${link.short_code}`, form);
}

function showDelete(link, item) {
  const form = make("form", { id: "delete" },
    make("p", {}, `Visitors of ${link.short_code} will be told that it has ended. Where it led is erased; this can't be undone.`),
    make("button", { className: "danger" }, "Delete the link"));
  form.onsubmit = (event) => {
    event.preventDefault();
    during(form, async () => {
      await call("DELETE", pathOf(link), { revision: link.revision });
      page.shown = page.shown.filter((each) => each.short_code !== link.short_code);
      item.remove();
      $("none").hidden = page.shown.length > 0;
      $("dialog").close();
      say(`${link.short_code} is deleted`);
    });
  };
  open(`Delete ${link.short_code}?`, form);
}

function showQr(link) {
  const source = (query) => `/${encodeURIComponent(link.short_code)}/qr?${query}`;
  const download = (format) => make("a", {
    className: "button plain", href: source(`format=${format}&size=1024`), download: `${link.short_code}.${format}`,
  }, `Download ${format.toUpperCase()}`);
  open(`QR code of ${link.short_code}`,
    make("img", { className: "qr", src: source("size=600"), alt: `QR code of ${link.short_code}`, width: 600, height: 600 }),
    make("div", { className: "actions" }, download("svg"), download("png")));
}

// --- Statistics ---

async function showStatistics(link, days = 30) {
  const today = new Date();
  const day = (date) => date.toISOString().slice(0, 10);
  const window = new URLSearchParams({ from: day(new Date(today - (days - 1) * 86400000)), to: day(today) });
  const figures = await call("GET", pathOf(link, `/stats?${window}`));
  const choice = make("select", { id: "days" }, ...[7, 30, 90, 400].map((each) =>
    make("option", { value: each, selected: each === days }, `the last ${each} days`)));
  choice.onchange = () => showStatistics(link, Number(choice.value)).then(() => $("days").focus(), (error) => say(error.message));
  const people = figures.days.reduce((sum, each) => sum + each.clicks, 0);
  const figure = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
  open(`Clicks on ${link.short_code}`,
    make("dl", { className: "figures" },
      figure("All clicks", figures.click_count.toLocaleString("en")),
      figure("of them bots'", figures.bot_click_count.toLocaleString("en")),
      figure("People in these days", people.toLocaleString("en")),
      figure("Last click on", figures.last_click_on ?? "–")),
    make("div", { className: "field" }, make("label", { htmlFor: "days" }, "Days (UTC)"), choice),
    chart(figures.days),
    make("p", { className: "ends quiet" }, make("span", {}, figures.from), make("span", {}, figures.to)),
    make("details", {}, make("summary", {}, "As a table"), make("div", { className: "scroll", tabIndex: 0 },
      make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Day"), make("th", { scope: "col" }, "Clicks"))),
        make("tbody", {}, ...figures.days.map((each) =>
          make("tr", {}, make("th", { scope: "row" }, each.date), make("td", {}, each.clicks))))))));
}

function chart(days) {
  const most = Math.max(1, ...days.map((each) => each.clicks));
  const width = days.length * 10;
  const bars = days.map((each, index) => draw("rect", {
    x: index * 10 + 1, width: 8, y: 100 - (each.clicks / most) * 100, height: (each.clicks / most) * 100,
  }, draw("title", {}, `${each.date}: ${each.clicks}`)));
  const label = `Clicks a day, at most ${most}; the table below has each`;
  return draw("svg", { class: "chart", viewBox: `0 0 ${width} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...bars.filter((_, index) => days[index].clicks), draw("line", { x1: 0, y1: 100, x2: width, y2: 100 }));
}

// --- Many at once ---

function showBulk() {
  const input = make("textarea", { spellcheck: false, placeholder: "https://example.com/one\nhttps://example.com/two" });
  const progress = make("progress", { value: 0, max: 1, hidden: true, "aria-label": "Links made" });
  const results = make("ol", { className: "results" });
  const form = make("form", { id: "many" }, field("urls", "One URL in each line", input),
    make("p", {}, make("button", {}, "Shorten them")), progress, results);
  form.onsubmit = (event) => {
    event.preventDefault();
    during(form, async () => {
      const urls = input.value.split("\n").map((line) => line.trim()).filter(Boolean).map(withScheme);
      results.replaceChildren();
      Object.assign(progress, { max: urls.length || 1, value: 0, hidden: false });
      for (let start = 0; start < urls.length; start += AT_ONCE) {
        const some = urls.slice(start, start + AT_ONCE);
        const body = { links: some.map((original_url) => ({ original_url })) };
        const answer = await call("POST", "/links/bulk", { body });
        results.append(...answer.results.map(({ link, error }, index) => (link
          ? make("li", {}, make("a", { href: link.short_url }, link.short_url), ` ${some[index]}`)
          : make("li", {}, `${some[index]} `, make("span", { className: "error" }, error.message)))));
        progress.value += some.length;
      }
      say(`${results.querySelectorAll("a").length} of ${urls.length} are ready`);
      await find();
    });
  };
  open("Shorten many URLs", form);
}

function exportShown() {
  const columns = ["short_code", "short_url", "original_url", "redirect_type", "status", "title", "tags", "created_at", "expires_at",
    "max_clicks", "click_count", "bot_click_count"];
  // A spreadsheet takes what begins like this for a formula.
  const safe = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const cell = (value) => `"${safe(String(Array.isArray(value) ? value.join(" ") : value ?? "")).replaceAll('"', '""')}"`;
  const lines = [columns, ...page.shown.map((link) => columns.map((name) => link[name]))].map((line) => line.map(cell).join(","));
  const address = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
  make("a", { href: address, download: "links.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// --- The key ---

async function useKey() {
  const given = $("key-input").value.trim();
  await call("GET", "/links?limit=1", { as: given }); // refuses a key that isn't valid
  sessionStorage.setItem(KEY, given);
  $("key-input").value = "";
  begin();
}

function forgetKey() {
  sessionStorage.removeItem(KEY);
  $("dialog").close();
  begin();
}

function begin() {
  const hasKey = key() !== "";
  $("key").hidden = hasKey;
  $("key-in-use").hidden = !hasKey;
  $("key-name").textContent = hasKey ? `Key ${key().slice(0, 11)}…` : "";
  $("shorten").hidden = !hasKey && document.body.dataset.createAccess !== "anyone";
  $("links").hidden = !hasKey;
  $("made").hidden = true;
  $("options-fields").replaceChildren(...optionFields());
  $("list").replaceChildren();
  if (hasKey) find().catch((error) => say(error.message));
}

function onSubmit(id, work) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    during($(id), work);
  });
}

onSubmit("key-form", useKey);
onSubmit("shorten-form", shorten);
onSubmit("filter", find);
$("status").addEventListener("change", () => $("filter").requestSubmit());
$("forget").addEventListener("click", forgetKey);
$("more").addEventListener("click", () => showMore().catch((error) => say(error.message)));
$("bulk").addEventListener("click", showBulk);
$("export").addEventListener("click", exportShown);
$("close").addEventListener("click", () => $("dialog").close());
begin();
