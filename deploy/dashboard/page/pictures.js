// The cluster as a map and a transaction's way as a picture. Elements are made one by one and filled with text nodes:
// nothing that a node says is ever read as markup.
const space = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}

const clip = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text);
const titled = (element, text) => { element.append(svg('title', {}, text)); return element; };

export function nodeClass(node) {
  if (node.state === 'not asked') return 'unknown';
  if (!node.actors.length) return 'bad';
  if (node.state !== 'ready') return 'warn';
  return node.now === 'primary' ? 'lead' : '';
}

/** What it is made for: "gateway" of one with a gateway, an executor and a VM pool. */
export function purpose(node) {
  if (node.is_validator || node.roles.includes('consensus')) return 'validator';
  return node.roles.find((r) => r !== 'executor' && r !== 'vm_pool') ?? (node.roles.includes('executor') ? 'executor' : 'worker');
}
const follows = (node) => ['primary', 'backup', 'follower'].includes(node.now);
/** Roles beside the chain say what they do in their own words. */
function stateLine(node, narrow) {
  if (!node.actors.length) return node.state;
  if (!follows(node)) return node.now.split(', ')[0];
  return narrow ? `h=${node.height} v=${node.view}` : `h=${node.height} v=${node.view} ${node.now}`;
}

/** On a ring no line runs through a third node; where a ring has no room, in columns. Relative to the frame. */
function placesFor(n, width, box, narrow) {
  if (n === 1) return { height: 130, at: [{ x: width / 2, y: 73 }] };
  const height = Math.max(n < 4 ? 230 : 300, 90 + n * 34);
  const ring = Array.from({ length: n }, (_, k) => {
    const angle = (k / n) * 2 * Math.PI - Math.PI / 2;
    return { x: width / 2 + Math.cos(angle) * (width / 2 - box.w / 2 - 24), y: height / 2 + 8 + Math.sin(angle) * (height / 2 - box.h / 2 - 24) };
  });
  const touch = (a, b) => Math.abs(a.x - b.x) < box.w + 12 && Math.abs(a.y - b.y) < box.h + 12;
  if (!narrow && !ring.some((a, i) => ring.some((b, k) => k > i && touch(a, b)))) return { height, at: ring };
  const columns = Math.max(2, Math.min(n, Math.floor((width - 24) / (box.w + 36))));
  const step = { x: (width - box.w - 36) / (columns - 1), y: box.h + 22 };
  const at = Array.from({ length: n }, (_, k) => ({ x: 18 + box.w / 2 + (k % columns) * step.x, y: 44 + box.h / 2 + Math.floor(k / columns) * step.y }));
  return { height: 40 + Math.ceil(n / columns) * step.y, at, step };
}

/** Hosts as frames, nodes in each, a line for each link; both ends must say that it is up. */
export function clusterMap(cluster, width, onNode) {
  const narrow = width < 560;
  const box = narrow ? { w: 132, h: 62 } : { w: 178, h: 64 };
  const across = narrow ? 1 : Math.min(cluster.hosts.length, Math.max(1, Math.floor(width / 420)));
  const hostWidth = width / across;
  const places = new Map();
  const frames = svg('g');
  const lines = svg('g');
  const cards = svg('g');
  let top = 0;
  let rowHeight = 0;
  cluster.hosts.forEach((host, i) => {
    if (i % across === 0) { top += rowHeight; rowHeight = 0; }
    const left = (i % across) * hostWidth;
    const { height, at, step } = placesFor(host.nodes.length, hostWidth, box, narrow);
    rowHeight = Math.max(rowHeight, height + 12);
    frames.append(svg('rect', { class: 'host-box', x: left + 6, y: top + 8, width: hostWidth - 12, height: height - 4, rx: 12 }));
    frames.append(svg('text', { x: left + 20, y: top + 28, class: 'note' }, `host ${clip(host.name, 40)}`));
    host.nodes.forEach((node, k) => places.set(node.name, { x: left + at[k].x, y: top + at[k].y, node, host: i, step, middle: left + hostWidth / 2 }));
  });
  const drawn = new Set();
  /** In columns, what would run through the nodes between bows out beside them. */
  const between = (from, to) => {
    const [dx, dy] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
    const at = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    if (from.host !== to.host || !from.step) return at;
    if (dx < 1 && dy > from.step.y * 1.5) at.x += (from.x < from.middle + 1 ? 2 : -2) * (box.w / 2 + 10 + dy / 10);
    if (dy < 1 && dx > from.step.x * 1.5) at.y += 2 * (box.h / 2 + 8);
    return at;
  };
  for (const place of places.values()) {
    const { x, y, node } = place;
    for (const link of node.links) {
      const other = places.get(link.peer);
      const key = [node.name, link.peer].sort().join(' ');
      if (!other || drawn.has(key)) continue;
      drawn.add(key);
      const back = other.node.links.find((l) => l.peer === node.name);
      const up = link.connected && (!back || back.connected) && nodeClass(other.node) !== 'bad';
      const bend = between(place, other);
      const line = svg('path', { class: up ? 'link' : 'link bad', d: `M ${x} ${y} Q ${bend.x} ${bend.y} ${other.x} ${other.y}` });
      lines.append(titled(line, `${node.name} – ${link.peer}: ${up ? `up, round trip ${(link.round_trip_seconds * 1e3).toFixed(2)} ms` : 'down'}`));
    }
  }
  for (const { x, y, node } of places.values()) {
    const text = (line, attributes, content, most) => svg('text', { x, y: y - box.h / 2 + 2 + 17 * line, 'text-anchor': 'middle', ...attributes }, clip(content, most));
    const letters = Math.floor(box.w / 7.2);
    const group = svg('g', { tabindex: 0, role: 'link', 'data-node': node.name });
    group.append(svg('rect', { class: `node-box ${nodeClass(node)}`, x: x - box.w / 2, y: y - box.h / 2, width: box.w, height: box.h, rx: 9 }),
      text(1, { class: 'node-name' }, node.name, letters),
      text(2, {}, stateLine(node, narrow), letters),
      text(3, { class: 'note' }, narrow && node.actors.length && follows(node) ? node.now : purpose(node), letters));
    titled(group, `${node.name} (${node.state}): ${node.roles.join(', ')}${node.actors.length ? `; ${node.now}` : ''}`);
    group.addEventListener('click', () => onNode(node.name));
    group.addEventListener('keydown', (event) => { if (event.key === 'Enter') onNode(node.name); });
    cards.append(group);
  }
  const height = top + rowHeight + 6;
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': 'Map of the cluster' }, frames, lines, cards);
}

const order = ['gateway', 'submitted', 'builder', 'chunk', 'persisted', 'certificate', 'proposal', 'prepared', 'commit', 'execution', 'receipt', 'refused'];

/** Nodes as lanes, time from left to right, a dot for each station; the first of each station is joined to the next. */
export function transactionWay(steps, width) {
  const events = steps.map((s) => ({ node: s.node, ...s.event }));
  const start = events[0].unix_us;
  const total = Math.max(1, events[events.length - 1].unix_us - start);
  const nodes = [...new Set(events.map((e) => e.node))];
  const narrow = width < 560;
  const left = narrow ? 92 : 150;
  const lane = 46;
  const labels = narrow ? 84 : 96;
  const x = (us) => left + 16 + ((us - start) / total) * (width - left - 48);
  const y = (node) => labels + 34 + nodes.indexOf(node) * lane;
  const height = labels + 34 + nodes.length * lane + 10;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': 'Way of the transaction' });
  for (const node of nodes) {
    picture.append(svg('line', { class: 'lane', x1: left, x2: width - 10, y1: y(node), y2: y(node) }));
    picture.append(svg('text', { x: 8, y: y(node) + 4 }, clip(node, narrow ? 12 : 20)));
  }
  for (let i = 0; i <= (narrow ? 3 : 6); ++i) {
    const at = start + (total * i) / (narrow ? 3 : 6);
    picture.append(svg('text', { class: 'note', x: x(at), y: height - 4, 'text-anchor': 'middle' }, `${((at - start) / 1000).toFixed(0)} ms`));
  }
  const first = new Map();
  for (const e of events) if (!first.has(e.station)) first.set(e.station, e);
  const way = order.filter((s) => first.has(s)).map((s) => first.get(s));
  picture.append(svg('polyline', { class: 'way', points: way.map((e) => `${x(e.unix_us)},${y(e.node)}`).join(' ') }));
  let lastX = -1000;
  for (const e of [...way].sort((a, b) => a.unix_us - b.unix_us)) {
    const at = x(e.unix_us);
    picture.append(svg('line', { class: 'tick', x1: at, x2: at, y1: labels + 8, y2: y(e.node) }));
    const shown = Math.max(at, lastX + 15);
    lastX = shown;
    picture.append(svg('text', { x: shown, y: labels, transform: `rotate(-${narrow ? 75 : 52} ${shown} ${labels})` }, e.station));
  }
  for (const e of events) {
    const dot = svg('circle', { class: first.get(e.station) === e ? 'stop first' : 'stop', cx: x(e.unix_us), cy: y(e.node), r: first.get(e.station) === e ? 5.5 : 3.5 });
    picture.append(titled(dot, `${e.station} on ${e.node}: +${((e.unix_us - start) / 1000).toFixed(3)} ms`));
  }
  return picture;
}
