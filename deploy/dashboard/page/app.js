// The page: asks the gateway every second while it is looked at, and shows what it says.
import { clusterMap, nodeClass, transactionWay } from '/pictures.js';

const $ = (id) => document.getElementById(id);

/** An element with text and elements as children: strings become text nodes, never markup. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined).map((c) => (c instanceof Node ? c : String(c))));
  return element;
}

const text = {
  count(n) {
    if (n < 10 && n % 1) return n.toFixed(1);
    if (n < 10000) return n.toFixed(0);
    return n < 1e6 ? (n / 1e3).toFixed(1) + 'k' : n < 1e9 ? (n / 1e6).toFixed(1) + 'M' : (n / 1e9).toFixed(1) + 'G';
  },
  percent: (share) => (share * 100).toFixed(1) + ' %',
  duration(s) {
    if (s < 60) return s.toFixed(1) + ' s';
    const pad = (n) => String(Math.floor(n)).padStart(2, '0');
    if (s < 3600) return `${Math.floor(s / 60)}m${pad(s % 60)}s`;
    return s < 86400 ? `${Math.floor(s / 3600)}h${pad((s / 60) % 60)}m` : `${Math.floor(s / 86400)}d${pad((s / 3600) % 24)}h`;
  },
  time: (us) => new Date(us / 1000).toLocaleTimeString([], { hour12: false }) + '.' + String(Math.floor(us / 1000) % 1000).padStart(3, '0'),
  short: (hash) => hash.slice(0, 10) + '…' + hash.slice(-4),
};

async function getJson(path) {
  const answer = await fetch(path, { cache: 'no-store' });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? `HTTP ${answer.status}`);
  return body;
}

async function rpc(...calls) {
  const body = calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params }));
  const answer = await fetch('/', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const list = await answer.json();
  const failed = list.find((a) => a.error);
  if (failed) throw new Error(failed.error.message);
  return list.sort((a, b) => a.id - b.id).map((a) => a.result);
}

/** Columns: {name, cell(row), key(row) to sort by, number, wide: not on a phone}. */
function fillTable(table, columns, rows, sorting) {
  const head = h('tr', {}, columns.map((c) => {
    const attributes = { class: [c.number ? 'number' : '', c.wide ? 'wide' : ''].join(' ').trim() || undefined };
    if (!sorting || !c.key) return h('th', attributes, c.name);
    if (sorting.by === c.name) attributes['aria-sort'] = sorting.up ? 'ascending' : 'descending';
    const choose = () => {
      sorting.up = sorting.by === c.name ? !sorting.up : !c.number;
      sorting.by = c.name;
      sorting.changed();
    };
    return h('th', attributes, h('button', { onclick: choose }, c.name, sorting.by === c.name ? (sorting.up ? ' ▲' : ' ▼') : ''));
  }));
  const by = sorting && columns.find((c) => c.name === sorting.by);
  if (by) {
    rows = [...rows].sort((a, b) => (by.key(a) < by.key(b) ? -1 : by.key(a) > by.key(b) ? 1 : 0));
    if (!sorting.up) rows.reverse();
  }
  const body = rows.map((row) => h('tr', { 'data-id': row.id }, columns.map((c) =>
    h('td', { class: [c.number ? 'number' : '', c.wide ? 'wide' : '', c.class ?? ''].join(' ').trim() || undefined }, c.cell(row)))));
  table.replaceChildren(h('thead', {}, head), h('tbody', {}, body));
}

const state = { cluster: null, blocks: [], route: '', trace: null, traced: '', primary: '', primarySeen: 0 };

// The cluster ---------------------------------------------------------------------------------------------------------

const allNodes = () => state.cluster?.hosts.flatMap((host) => host.nodes) ?? [];
const allActors = () => allNodes().flatMap((node) => node.actors.map((a) => ({ ...a, node: node.name, id: `${node.name}/${a.name}` })));

function showFigures() {
  const nodes = allNodes();
  const actors = allActors();
  const asked = nodes.filter((n) => n.state !== 'not asked');
  const primaries = nodes.filter((n) => n.now === 'primary').map((n) => n.name);
  // Between two blocks no node may say so at the moment that it is asked.
  if (primaries.length) Object.assign(state, { primary: primaries.join(', '), primarySeen: Date.now() });
  else if (Date.now() - state.primarySeen > 3000) state.primary = '';
  const best = nodes.reduce((a, b) => (!a || b.height > a.height ? b : a), null);
  const executed = state.blocks.filter((b) => b.transactions !== null);
  const span = executed.length > 1 ? (executed[0].timestampMs - executed[executed.length - 1].timestampMs) / 1000 : 0;
  const rate = span > 0 ? executed.slice(0, -1).reduce((sum, b) => sum + b.transactions.length, 0) / span : 0;
  const figure = (name, value, id, wide) => h('div', { class: wide ? 'figure wide' : 'figure' }, h('b', { id }, value), h('span', {}, name));
  $('title').textContent = `Troupe: ${state.cluster.name}`;
  $('figures').replaceChildren(...[
    figure('height', best?.height ?? 0, 'figure-height'),
    figure('view', best?.view ?? 0, 'figure-view'),
    figure('primary', state.primary || (asked.length < nodes.length ? 'not asked' : 'changing'), 'figure-primary'),
    figure('nodes ready', `${asked.filter((n) => n.state === 'ready').length} of ${asked.length}`, 'figure-nodes'),
    asked.length < nodes.length ? figure('not asked', nodes.length - asked.length, 'figure-unasked') : null,
    figure('actors', actors.length, 'figure-actors'),
    figure('transactions/s', text.count(rate), 'figure-transactions'),
    figure('messages/s', text.count(actors.reduce((sum, a) => sum + a.messages_per_second, 0)), 'figure-messages', true),
  ].filter(Boolean));
}

function showCluster() {
  const map = $('map');
  const width = Math.max(300, map.clientWidth || 900);
  map.replaceChildren(clusterMap(state.cluster, width, (name) => {
    $('actor-filter').value = name + '/';
    location.hash = '#actors';
  }));
  const facts = (node) => {
    if (node.state === 'not asked') return [['why', 'it runs beside the command line, where no agent answers gateways of other hosts']];
    if (!node.actors.length) return [];
    const has = (role) => node.actors.some((a) => a.role === role);
    return [
      has('consensus') ? ['block', `${node.height}${has('executor') ? `, executed ${node.executed}` : ''}`] : null,
      has('consensus') ? ['view', node.view] : null,
      ['now', h('span', { class: node.now === 'primary' ? 'lead' : '' }, node.now)],
      ['links', `${node.links.filter((l) => l.connected).length} of ${node.links.length} up`],
      ['CPU, memory', `${text.percent(node.cpu_share)}, ${(node.resident_bytes / 1048576).toFixed(0)} MB`],
      ['up', text.duration(node.uptime_seconds)],
    ].filter(Boolean);
  };
  const cards = state.cluster.hosts.flatMap((host) => host.nodes.map((node) => h('div', { class: 'card', 'data-node': node.name },
    h('h2', {}, node.name, ' ', h('span', { class: nodeClass(node) || 'good' }, node.state)),
    h('dl', {}, [['host', host.name], ['roles', node.roles.join(', ')], ...facts(node)].map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)])))));
  $('nodes').replaceChildren(h('div', { class: 'grid' }, cards));
}

const actorState = (a) => h('span', { class: a.ended ? 'bad' : a.answers ? '' : 'warn' }, a.ended ? `ended: ${a.ended}` : a.state + (a.answers ? '' : ' (busy)'));
const actorSorting = { by: 'busy', up: false, changed: () => showActors() };
const actorColumns = [
  { name: 'actor', key: (a) => a.id, class: 'long', cell: (a) => [h('a', { href: `#actor=${encodeURIComponent(a.id)}` }, a.id), h('div', { class: 'narrow' }, actorState(a))] },
  { name: 'state', wide: true, key: (a) => a.state, cell: actorState },
  { name: 'mailbox', number: true, key: (a) => a.mailbox, cell: (a) => text.count(a.mailbox) },
  { name: 'messages/s', number: true, key: (a) => a.messages_per_second, cell: (a) => text.count(a.messages_per_second) },
  { name: 'busy', number: true, key: (a) => a.busy_share, cell: (a) => text.percent(a.busy_share) },
  { name: 'in', number: true, wide: true, key: (a) => a.messages_in, cell: (a) => text.count(a.messages_in) },
  { name: 'out', number: true, wide: true, key: (a) => a.messages_out, cell: (a) => text.count(a.messages_out) },
  { name: 'restarts', number: true, wide: true, key: (a) => a.restarts, cell: (a) => a.restarts },
  { name: 'errors', number: true, wide: true, key: (a) => a.errors, cell: (a) => h('span', { class: a.errors ? 'warn' : '', title: a.last_error || undefined }, a.errors) },
  { name: 'up', number: true, wide: true, key: (a) => a.uptime_seconds, cell: (a) => text.duration(a.uptime_seconds) },
];

function showActors() {
  const wanted = $('actor-filter').value.trim().toLowerCase();
  const rows = allActors().filter((a) => !wanted || `${a.id} ${a.role} ${a.state}`.toLowerCase().includes(wanted));
  fillTable($('actor-table'), actorColumns, rows, actorSorting);
}

/** An actor's own struct; of long lists the end. */
function stateList(value) {
  const shown = 8;
  if (value === null) return '–';
  if (Array.isArray(value)) {
    const single = (v) => v === null || typeof v !== 'object';
    if (value.every(single)) return value.map(String).join(', ') || '–';
    if (value.every((v) => !Array.isArray(v) && Object.values(v).every((m) => single(m) || Array.isArray(m)))) {
      const table = h('table', {});
      fillTable(table, Object.keys(value[0]).map((name) => ({ name, cell: (v) => stateList(v[name]) })), value.slice(-24));
      return h('div', { class: 'scroll' }, table);
    }
    return [value.length > shown ? h('p', { class: 'soft' }, `the last ${shown} of ${value.length}`) : null,
      value.slice(-shown).map((v) => h('div', { class: 'element' }, stateList(v)))];
  }
  if (typeof value !== 'object') return String(value);
  const isWhole = (member) => Array.isArray(member) && member.some((m) => m !== null && typeof m === 'object');
  return h('dl', {}, Object.entries(value).map(([name, member]) => [h('dt', {}, name), h('dd', { class: isWhole(member) ? 'whole' : undefined }, stateList(member))]));
}

async function showActor(id) {
  const detail = await getJson('/dashboard/actor/' + id.split('/').map(encodeURIComponent).join('/'));
  if (state.route !== `actor=${encodeURIComponent(id)}`) return;
  const a = detail.actor;
  const table = (columns, rows) => { const t = h('table', {}); fillTable(t, columns, rows); return t; };
  const card = (title, ...content) => h('div', { class: 'card' }, h('h2', {}, title), ...content);
  const amounts = [
    { name: 'in', number: true, cell: (r) => text.count(r.messages_in) }, { name: 'out', number: true, cell: (r) => text.count(r.messages_out) },
    { name: 'bytes in', number: true, cell: (r) => (r.bytes_in ? text.count(r.bytes_in) : '') }, { name: 'bytes out', number: true, cell: (r) => (r.bytes_out ? text.count(r.bytes_out) : '') }];
  $('actor-detail').replaceChildren(
    h('h2', {}, id, ' ', h('span', { class: 'soft' }, a.state)),
    h('div', { class: 'columns' },
      card('Figures', h('dl', {}, [['role', a.role], ['mailbox', a.mailbox], ['messages', `${a.messages_in} in, ${a.messages_out} out`],
        ['messages/s', text.count(a.messages_per_second)], ['busy', `${text.percent(a.busy_share)} of a core`], ['restarts', a.restarts], ['up', text.duration(a.uptime_seconds)],
        ['errors', a.errors ? `${a.errors}; last: ${a.last_error}` : '0']].map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)]))),
      card('State', detail.state ? stateList(detail.state) : h('p', { class: 'soft' }, 'shows none')),
      card('Timers', detail.timers.length ? h('dl', {}, detail.timers.map((t) => [h('dt', {}, t.kind), h('dd', {}, `due ${text.time(t.due_us)}`)])) : h('p', { class: 'soft' }, 'none')),
      card('Kinds of messages', table([{ name: 'kind', cell: (r) => r.name }, ...amounts], detail.kinds)),
      card('Peers', table([{ name: 'peer', cell: (r) => r.name }, ...amounts], detail.peers)),
      card('Last messages', table([
        { name: 'time', class: 'mono', cell: (m) => text.time(m.time_us) }, { name: 'kind', cell: (m) => m.kind }, { name: 'from', cell: (m) => m.from },
        { name: 'bytes', number: true, cell: (m) => m.bytes || '' }], [...detail.messages].reverse()))));
}

// Blocks --------------------------------------------------------------------------------------------------------------

const blocksShown = 20;

async function loadBlocks() {
  const height = allNodes().reduce((most, n) => Math.max(most, n.height), 0);
  const known = new Map(state.blocks.map((b) => [b.number, b]));
  const wanted = [];
  for (let n = height; n > Math.max(0, height - blocksShown); --n) if (!known.get(n)?.transactions) wanted.push(n);
  if (wanted.length) {
    const hex = (n) => '0x' + n.toString(16);
    const agreed = await rpc(...wanted.map((n) => ['troupe_getBlock', hex(n)]).concat(wanted.map((n) => ['eth_getBlockByNumber', hex(n), true])).map((c) => c));
    wanted.forEach((n, i) => {
      const a = agreed[i];
      const e = agreed[wanted.length + i];
      if (!a) return;
      known.set(n, { number: n, hash: a.hash, timestampMs: Number(a.timestampMs), proposer: a.proposer, view: Number(a.view), signers: a.signers, chunks: a.chunks,
        transactions: a.executed && e ? e.transactions : null, gas: e ? Number(e.gasUsed) : 0 });
    });
  }
  state.blocks = [...known.values()].filter((b) => b.number > height - blocksShown).sort((a, b) => b.number - a.number);
}

function showBlocks() {
  fillTable($('block-table'), [
    { name: 'block', number: true, cell: (b) => b.number },
    { name: 'age', number: true, cell: (b) => text.duration(Math.max(0, Date.now() - b.timestampMs) / 1000) },
    { name: 'transactions', number: true, cell: (b) => (b.transactions ? b.transactions.length : h('span', { class: 'soft' }, 'executing')) },
    { name: 'primary', cell: (b) => b.proposer },
    { name: 'view', number: true, cell: (b) => h('span', { class: b.view ? 'warn' : '' }, b.view) },
    { name: 'chunks', number: true, wide: true, cell: (b) => b.chunks.length },
    { name: 'gas', number: true, wide: true, cell: (b) => text.count(b.gas) },
    { name: 'votes', wide: true, cell: (b) => `${b.signers.length}: ${b.signers.join(', ')}` },
    { name: 'hash', wide: true, class: 'mono', cell: (b) => text.short(b.hash) },
  ], state.blocks.map((b) => ({ ...b, id: `block-${b.number}` })));
  const certificates = state.blocks.flatMap((b) => b.chunks.map((c) => ({ ...c, block: b.number }))).slice(0, 50);
  fillTable($('certificate-table'), [
    { name: 'chunk', class: 'mono', cell: (c) => text.short(c.id) },
    { name: 'block', number: true, cell: (c) => c.block },
    { name: 'producer', cell: (c) => c.producer },
    { name: 'signed by', cell: (c) => `${c.signers.length}: ${c.signers.join(', ')}` },
  ], certificates);
}

// Transactions --------------------------------------------------------------------------------------------------------

function showTransactions() {
  const list = state.blocks.flatMap((b) => (b.transactions ?? []).map((t) => ({ ...t, block: b }))).slice(0, 50);
  fillTable($('transaction-table'), [
    { name: 'transaction', class: 'mono', cell: (t) => h('a', { href: `#tx=${t.hash}` }, text.short(t.hash)) },
    { name: 'block', number: true, cell: (t) => t.block.number },
    { name: 'from', class: 'mono', wide: true, cell: (t) => text.short(t.from) },
    { name: 'to', class: 'mono', cell: (t) => (t.to ? text.short(t.to) : 'new contract') },
    { name: 'value (wei)', number: true, wide: true, cell: (t) => BigInt(t.value).toString() },
  ], list);
}

async function showTrace(hash) {
  const place = $('transaction');
  $('transaction-hash').value = hash;
  // The last nodes execute it a little after the gateway has its receipt.
  const settled = 10e6;
  if (state.traced === hash && state.trace?.some((s) => s.event.station === 'receipt' && s.event.unix_us + settled < state.cluster.time_us)) return;
  state.traced = hash;
  const [{ steps }, [status]] = await Promise.all([getJson('/dashboard/trace/' + encodeURIComponent(hash)), rpc(['troupe_transactionStatus', hash])]);
  if (state.route !== `tx=${hash}`) return;
  state.trace = steps;
  const line = h('p', {}, h('span', { class: 'mono wrap' }, hash), ' ', h('b', { id: 'transaction-status', class: status.status === 'executed' ? 'good' : 'warn' }, status.status),
    status.blockNumber ? ` in block ${Number(status.blockNumber)}` : '', status.reason ? `: ${status.reason}` : '');
  if (!steps.length) return place.replaceChildren(line, h('p', { class: 'soft' }, 'No node remembers its way: stations are kept for the recent past only.'));
  const start = steps[0].event.unix_us;
  const table = h('table', { id: 'way-table' });
  fillTable(table, [
    { name: 'station', cell: (s) => s.event.station }, { name: 'node', cell: (s) => s.node },
    { name: 'after', number: true, cell: (s) => '+' + ((s.event.unix_us - start) / 1000).toFixed(3) + ' ms' },
    { name: 'block', number: true, cell: (s) => s.event.height || '' },
    { name: 'chunk', wide: true, class: 'mono', cell: (s) => (/^0x0*$/.test(s.event.chunk) ? '' : text.short(s.event.chunk)) },
    { name: 'time', wide: true, class: 'mono', cell: (s) => text.time(s.event.unix_us) }], steps);
  const picture = h('div', { class: 'scroll', id: 'way' });
  place.replaceChildren(line, picture, h('p', { class: 'soft' }, 'Large: the first to reach a station; small: the others. Times are those of each node’s own clock.'), h('h2', {}, 'Stations'), h('div', { class: 'scroll' }, table));
  picture.append(transactionWay(steps, Math.max(320, picture.clientWidth || 900)));
}

// Routes --------------------------------------------------------------------------------------------------------------

function sectionOf(route) {
  if (route.startsWith('actor=')) return 'actor';
  if (route.startsWith('tx=')) return 'transactions';
  return document.getElementById(route)?.tagName === 'SECTION' ? route : 'cluster';
}

function showRoute() {
  state.route = location.hash.slice(1);
  const shown = sectionOf(state.route);
  const sections = [...document.querySelectorAll('main section')];
  for (const section of sections) section.hidden = section.id !== shown;
  $('tabs').replaceChildren(...sections.filter((s) => !('hidden' in s.dataset)).map((s) =>
    h('a', { href: '#' + s.id, 'aria-current': s.id === shown || (shown === 'actor' && s.id === 'actors') ? 'page' : undefined }, s.dataset.title)));
}

async function show() {
  const shown = sectionOf(state.route);
  if (!state.cluster) return;
  showFigures();
  if (shown === 'cluster') showCluster();
  if (shown === 'actors') showActors();
  if (shown === 'actor') await showActor(decodeURIComponent(state.route.slice('actor='.length)));
  if (shown === 'blocks') showBlocks();
  if (shown === 'transactions') {
    showTransactions();
    if (state.route.startsWith('tx=')) await showTrace(state.route.slice(3));
  }
}

function problem(message) {
  $('problem').hidden = !message;
  $('problem').textContent = message;
}

async function look() {
  if (document.visibilityState === 'visible') {
    try {
      state.cluster = await getJson('/dashboard/cluster');
      await loadBlocks();
      await show();
      problem('');
      // What is on the page now, for whoever drives it from outside.
      Object.assign(document.body.dataset, { looks: String(Number(document.body.dataset.looks ?? 0) + 1), time: String(state.cluster.time_us) });
    } catch (error) {
      problem(`The gateway does not answer: ${error.message}`);
    }
  }
  setTimeout(look, 1000);
}

addEventListener('hashchange', () => { showRoute(); show().catch((error) => problem(error.message)); });
addEventListener('resize', () => { if (state.cluster && sectionOf(state.route) === 'cluster') showCluster(); });
$('actor-filter').addEventListener('input', () => state.cluster && showActors());
$('transaction-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const hash = $('transaction-hash').value.trim().toLowerCase();
  if (/^0x[0-9a-f]{64}$/.test(hash)) location.hash = '#tx=' + hash;
  else problem('A transaction’s hash is 0x and 64 hex digits.');
});
showRoute();
look();
