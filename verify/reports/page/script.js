"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const NS = "http://www.w3.org/2000/svg";
  const svg = (name, attributes, children = []) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const html = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const error = (value) => (value === null ? "∞" : value === 0 ? "0" : value.toExponential(1));

  // Tables: sort by a heading.
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0];
    const first = [...body.rows];
    const key = (row, column) => {
      const cell = row.cells[column];
      const sort = cell.dataset.sort;
      return sort === undefined ? cell.textContent.trim() : sort === "" ? -Infinity : Number(sort);
    };
    all("thead th", table).forEach((heading, column) => {
      heading.firstElementChild.addEventListener("click", () => {
        const was = heading.getAttribute("aria-sort");
        // Numbers begin with the largest, names with the first; a third click restores the order.
        const number = first.length > 0 && first[0].cells[column].dataset.sort !== undefined;
        const order = number ? ["descending", "ascending"] : ["ascending", "descending"];
        const next = order[order.indexOf(was) + 1];
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        const rows = [...first];
        if (next) {
          heading.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          rows.sort((a, b) => {
            const [x, y] = [key(a, column), key(b, column)];
            return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x < y ? -1 : x > y ? 1 : 0);
          });
        }
        for (const row of rows) {
          const detail = row.nextElementSibling?.classList.contains("detail") ? row.nextElementSibling : null;
          body.append(row);
          if (detail) body.append(detail);
        }
      });
    });
  }

  // Layers: filter, open a row.
  const search = document.getElementById("search");
  const rows = all("#table > tbody > tr");
  const shows = { all: () => true, failed: (row) => row.dataset.state !== "same", guilty: (row) => row.dataset.state === "guilty" };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = shows[document.querySelector('input[name="show"]:checked').value];
    let shown = 0;
    for (const row of rows) {
      const name = data.taps[Number(row.id.slice(3))].name.toLowerCase();
      row.hidden = !(wanted(row) && words.every((word) => name.includes(word)));
      const detail = document.getElementById(`detail${row.id.slice(3)}`);
      if (detail) detail.hidden = row.hidden || !isOpen(row);
      shown += !row.hidden;
    }
    document.getElementById("found").textContent = `${shown} of ${rows.length} shown`;
  };
  const opener = (row) => row.querySelector(".opens");
  const isOpen = (row) => opener(row).getAttribute("aria-expanded") === "true";
  const toggle = (row, open) => {
    const number = Number(row.id.slice(3));
    let detail = document.getElementById(`detail${number}`);
    if (!detail) {
      detail = html("tr", { class: "detail", id: `detail${number}` }, html("td", { colspan: 8 }, html("div", {}, ...pictures(data.taps[number]))));
      opener(row).setAttribute("aria-controls", detail.id);
      row.after(detail);
    }
    opener(row).setAttribute("aria-expanded", open);
    detail.hidden = !open;
  };
  const reveal = (number) => {
    const row = document.getElementById(`tap${number}`);
    if (row.hidden) {
      search.value = "";
      document.querySelector('input[name="show"][value="all"]').checked = true;
      filter();
    }
    toggle(row, true);
    opener(row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "center" });
  };
  if (search) {
    search.addEventListener("input", filter);
    all('input[name="show"]').forEach((each) => each.addEventListener("change", filter));
    rows.forEach((row) => opener(row).addEventListener("click", () => toggle(row, !isOpen(row))));
    filter();
  }
  for (const each of all("[data-open]")) {
    each.addEventListener("click", (event) => {
      event.preventDefault();
      reveal(each.dataset.open);
    });
  }
  for (const each of all("[data-unfold]")) {
    each.addEventListener("click", () => { document.getElementById(each.dataset.unfold).open = true; });
  }

  // One layer: how its error is spread, and where it is.
  function pictures(tap) {
    const told = [];
    const alone = tap.alone;
    if (tap.other_weights.length) told.push(`Other weights than the original's: ${tap.other_weights.join(", ")}.`);
    if (alone) {
      const runs = alone.original_runs > 1 ? `, the largest of ${alone.original_runs} runs` : "";
      told.push(`Alone: float64 off by ${error(alone.float64_relative_error)}; float32 error ${error(alone.port_float32_error.max)} (port) and ${error(alone.original_float32_error.max)} (original${runs}), where the largest magnitude is ${error(alone.scale)}. It would pass with a factor of ${alone.needed_factor === null ? "∞" : alone.needed_factor.toFixed(2)}.`);
    } else told.push("Not judged alone.");
    const map = tap.map;
    if (!map) return [html("p", {}, told.join(" "), " There is no picture of its error.")];
    const panes = [histogram(map)];
    if (map.grid.flat().every((value) => value === 0)) told.push(`In ${map.precision} no element differs.`);
    else {
      panes.push(grid(map, tap));
      if (map.profile.length > 1) panes.push(profile(map));
    }
    return [html("p", {}, told.join(" ")), html("div", { class: "panes" }, ...panes)];
  }
  const ink = { fill: "var(--dim)", "font-size": 11, "font-family": "system-ui, sans-serif" };
  const text = (x, y, words, anchor = "middle") => {
    const made = svg("text", { ...ink, x, y, "text-anchor": anchor });
    made.textContent = words;
    return made;
  };
  const figure = (caption, picture) => html("figure", {}, html("figcaption", {}, caption), picture);

  function histogram(map) {
    const sides = [["original", map.original_ulps], ["port", map.port_ulps]];
    const total = map.port_ulps.reduce((a, b) => a + b, 0);
    const last = Math.max(5, ...sides.map(([, counts]) => counts.findLastIndex((n) => n > 0)));
    const most = Math.max(...sides.flatMap(([, counts]) => counts));
    const step = Math.min(46, 400 / (last + 1)), left = 8, height = 130, width = Math.max(300, left * 2 + step * (last + 1));
    const bar = (n) => (n ? Math.max(3, (height * Math.log(1 + n)) / Math.log(1 + most)) : 0);
    const bars = sides.flatMap(([side, counts], place) =>
      counts.slice(0, last + 1).map((n, bin) => svg("rect", {
        x: left + bin * step + 1 + (place * (step - 3)) / 2, width: (step - 3) / 2, y: 8 + height - bar(n), height: bar(n), fill: `var(--${side})`,
      })));
    const every = Math.ceil(44 / step);
    const names = Array.from({ length: last + 1 }, (_, bin) => bin)
      .filter((bin) => bin % every === 0)
      .map((bin) => text(left + (bin + 0.5) * step, height + 24, bin === 0 ? "<½" : `<${(2 ** (bin - 1)).toLocaleString("en", { notation: "compact" })}`));
    const under = (counts) => `${((100 * (counts[0] + counts[1] + counts[2])) / total).toFixed(1)} %`;
    const told = `Under 2 units are ${under(map.port_ulps)} of the port's elements and ${under(map.original_ulps)} of the original's`;
    return figure(
      `Elements by their float32 error in units in the last place, heights logarithmic: original grey, port blue. ${told}.`,
      svg("svg", { viewBox: `0 0 ${width} ${height + 34}`, width, role: "img", "aria-label": `Histogram of errors. ${told}.` }, [
        ...bars, svg("line", { x1: left, x2: width - left, y1: 8.5 + height, y2: 8.5 + height, stroke: "var(--dim)" }), ...names,
      ]));
  }

  // Three powers of ten under the largest error have a shade; what is smaller has none.
  const shade = (value, most) => (value === null ? 1 : value <= 0 || most <= 0 ? 0 : Math.max(0, 1 + Math.log10(value / most) / 3));
  const colour = (precision) => (precision === "float64" ? "var(--cell-bad)" : "var(--port)");
  const known = (values) => values.filter((value) => value !== null);

  function grid(map, tap) {
    const rows = map.grid.length, columns = map.grid[0].length, most = Math.max(0, ...known(map.grid.flat()));
    const side = Math.max(6, Math.min(20, 240 / Math.max(rows, columns)));
    const cells = map.grid.flatMap((line, y) => line.map((value, x) => {
      const cell = svg("rect", { x: x * side, y: y * side, width: side - 1, height: side - 1, fill: colour(map.precision), "fill-opacity": shade(value, most).toFixed(3) });
      cell.append(svg("title", {}, [error(value)]));
      return cell;
    }));
    const size = (axis) => tap.shape[axis] ?? 1;
    const axes = map.axes.map((axis, place) => `axis ${axis} (${size(axis)}) ${map.axes.length === 1 || place ? "→" : "↓"}`).join(", ");
    const width = columns * side, height = rows * side;
    return figure(
      `Where the error is in ${map.precision}: ${axes || "one number"}. Each cell is the largest of its elements, the darkest ${error(most)} of the layer's largest magnitude.`,
      svg("svg", { viewBox: `-1 -1 ${width + 1} ${height + 1}`, width: width + 1, role: "img", "aria-label": `Map of the error along ${axes || "one number"}; ${spread(map.grid.flat(), most)}` }, [
        svg("rect", { x: -0.5, y: -0.5, width, height, fill: "none", stroke: "var(--dim)" }), ...cells,
      ]));
  }

  const spread = (values, most) => {
    const large = values.filter((value) => value === null || value > most / 10).length;
    return most > 0 ? `${large} of ${values.length} cells hold errors within a tenth of the largest, ${error(most)}.` : "there is none.";
  };

  function profile(map) {
    const most = Math.max(0, ...known(map.profile)), step = Math.max(5, Math.min(16, 300 / map.profile.length)), height = 80;
    const bars = map.profile.map((value, place) => {
      const tall = Math.max(value === 0 ? 0 : 2, height * shade(value, most));
      return svg("rect", { x: place * step, y: height - tall, width: step - 1, height: tall, fill: colour(map.precision) });
    });
    const width = map.profile.length * step;
    return figure(
      `The same along axis ${map.axis}, heights logarithmic over three powers of ten.`,
      svg("svg", { viewBox: `0 0 ${width} ${height + 1}`, width, role: "img", "aria-label": `Errors along axis ${map.axis}; ${spread(map.profile, most)}` }, [
        ...bars, svg("line", { x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5, stroke: "var(--dim)" }),
      ]));
  }

  // Plots: lines on and off, a guide under the pointer or the arrow keys.
  for (const plot of all("[data-chart]")) {
    const chart = data.charts[plot.dataset.chart];
    const canvas = plot.querySelector(".canvas"), frame = plot.querySelector(".frame");
    const guide = plot.querySelector(".guide"), read = plot.querySelector(".read");
    const shown = new Set(all(".toggles input:checked", plot).map((each) => each.value));
    const tells = new Map(chart.series.map((series) => [series.key, series]));
    let at = null;
    const tell = (place) => {
      at = Math.max(0, Math.min(chart.names.length - 1, place));
      guide.hidden = false;
      guide.style.left = `${100 * chart.x[at]}%`;
      read.replaceChildren(
        html("span", { class: "where" }, chart.names[at]),
        ...[...tells.values()].filter(({ key }) => shown.has(key)).map(({ label, values }) => html("span", {}, `${label}: ${values[at]}`)));
    };
    const nearest = (event) => {
      const box = frame.getBoundingClientRect(), x = (event.clientX - box.left) / box.width;
      return chart.x.reduce((best, each, place) => (Math.abs(each - x) < Math.abs(chart.x[best] - x) ? place : best), 0);
    };
    frame.addEventListener("pointermove", (event) => tell(nearest(event)));
    if ("opens" in canvas.dataset) frame.addEventListener("click", (event) => reveal(nearest(event)));
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
      if (event.key in steps) {
        tell(at === null ? 0 : at + steps[event.key]);
        event.preventDefault();
      } else if (event.key === "Enter" && at !== null && "opens" in canvas.dataset) reveal(at);
    });
    all(".toggles input", plot).forEach((box) => box.addEventListener("change", () => {
      if (box.checked) shown.add(box.value); else shown.delete(box.value);
      plot.querySelector(`[data-series="${box.value}"]`).toggleAttribute("hidden", !box.checked);
      if (at !== null) tell(at);
    }));
  }

  // The drawing: who reads whom, in the margin.
  const drawing = document.getElementById("drawing");
  const arcs = () => {
    const blocks = new Map([...drawing.children].map((block) => [block.dataset.block, block]));
    const order = [...blocks.keys()];
    const middle = (block) => block.offsetTop + block.offsetHeight / 2;
    const edge = [...blocks.values()][0]?.offsetLeft ?? 0;
    const paths = [];
    for (const [name, block] of blocks) {
      for (const read of block.dataset.reads.split("|").filter((each) => blocks.has(each))) {
        const far = order.indexOf(name) - order.indexOf(read);
        const from = middle(blocks.get(read)) + 4, to = middle(block) - 4;
        const out = Math.min(edge - 4, 8 + 7 * far);
        paths.push(svg("path", { d: `M${edge - 2} ${from}C${edge - out} ${from} ${edge - out} ${to} ${edge - 7} ${to}` }));
        paths.push(svg("path", { class: "head", d: `M${edge - 1} ${to}l-7 -3.5v7z` }));
      }
    }
    drawing.parentElement.querySelector(".arcs").replaceChildren(...paths);
  };
  if (drawing) {
    arcs();
    new ResizeObserver(arcs).observe(drawing);
  }
})();
