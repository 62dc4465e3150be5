// The gateway's page in headless Chromium: true figures, no error on the console, on a desk and on a phone.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually, rpc, startCluster, until } from './cluster.mjs';

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => fs.existsSync(file));
const skip = chromium ? false : 'SKIPPED: no chromium here; apt-get install chromium';
if (skip) console.log(skip);
const shots = process.env.TROUPE_SCREENSHOTS ?? fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-page-'));

let cluster;
let browser;
let hash;
before(async () => {
  if (skip) return;
  cluster = await startCluster();
  const { chromium: engine } = await import('playwright-core');
  browser = await engine.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] });
  await cluster.command('demo', '--transfers', '100');
  hash = JSON.parse(await cluster.command('tx', 'send', '--key', 'dev:3', '--to', '0x00000000000000000000000000000000000000bb', '--value', '7', '--json')).transactionHash;
});
after(async () => {
  await browser?.close();
  cluster?.stop();
  if (!process.env.TROUPE_SCREENSHOTS) fs.rmSync(shots, { recursive: true, force: true });
});

/** Until the page has drawn `least` looks at the cluster. Polled from here: its content policy forbids waiting by eval there. */
async function drawn(page, least) {
  const looks = () => page.evaluate(() => Number(document.body.dataset.looks ?? 0));
  for (const end = Date.now() + 30000; await looks() < least;) {
    assert.ok(Date.now() < end, `the page did not draw ${least} looks`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A page whose console errors and requests elsewhere fail the test. */
async function open(size, route = '') {
  const page = await browser.newPage({ viewport: size, isMobile: size.width < 500, deviceScaleFactor: size.width < 500 ? 2 : 1 });
  const faults = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) faults.push(message.text()); });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => { if (!request.url().startsWith(cluster.rpc) && !request.url().startsWith('data:')) faults.push(`asked ${request.url()}`); });
  await page.goto(cluster.rpc + '/' + route);
  await drawn(page, 1);
  return { page, faults, async close() {
    assert.doesNotMatch(await page.locator('main').innerText(), /\[object |undefined|NaN/);
    await page.close();
    assert.deepEqual(faults, []);
  } };
}
const desk = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };
const shoot = (page, name) => page.screenshot({ path: path.join(shots, name + '.png'), fullPage: true });

test('the map shows every node, its roles and links as inspect does', { skip }, async () => {
  const { page, close } = await open(desk);
  const nodes = await until(async () => {
    const all = (await cluster.json('inspect')).hosts.flatMap((host) => host.nodes);
    return all.every((n) => n.actors.length > 0) && all;
  }, 'every node answers');
  await eventually(async () => assert.equal(await page.locator('#figure-nodes').innerText(), `${nodes.length} of ${nodes.length}`), 'the page has all nodes');
  assert.deepEqual((await page.locator('#map [data-node]').evaluateAll((all) => all.map((e) => e.dataset.node))).sort(), nodes.map((n) => n.name).sort());
  const pairs = new Set(nodes.flatMap((n) => n.links.filter((l) => nodes.some((m) => m.name === l.peer)).map((l) => [n.name, l.peer].sort().join())));
  await eventually(async () => assert.equal(await page.locator('#map .link:not(.bad)').count(), pairs.size), 'all links are drawn');
  assert.equal(Number(await page.locator('#figure-actors').innerText()), nodes.flatMap((n) => n.actors).length);
  const shown = Number(await page.locator('#figure-height').innerText());
  const height = Number((await rpc(cluster.rpc, 'eth_blockNumber')).result);
  assert.ok(Math.abs(shown - height) <= 10, `${shown} shown, ${height} true`);
  for (const node of nodes)
    for (const role of node.roles) assert.ok((await page.locator(`.card[data-node="${node.name}"]`).innerText()).includes(role), `${node.name} shows ${role}`);
  await shoot(page, 'cluster');
  await close();
});

test('actors are those of inspect, with the same counts', { skip }, async () => {
  const { page, close } = await open(desk, '#actors');
  const number = (shown) => Number(shown.replace(/[kM]$/, '')) * (shown.endsWith('k') ? 1e3 : shown.endsWith('M') ? 1e6 : 1);
  let later;
  await eventually(async () => {
    const before = await cluster.json('inspect', 'actors');
    // What the page shows must have been asked after that, and a look takes less than a second.
    const asked = Date.now() * 1000 + 1e6;
    await until(async () => Number(await page.evaluate(() => document.body.dataset.time)) > asked, 'the page has newer figures');
    const rows = await page.locator('#actor-table tbody tr').evaluateAll((all) => all.map((row) => ({ id: row.dataset.id, cells: [...row.cells].map((c) => c.innerText) })));
    later = await cluster.json('inspect', 'actors');
    assert.deepEqual(rows.map((r) => r.id).sort(), before.map((a) => a.id).sort());
    for (const row of rows) {
      const low = before.find((a) => a.id === row.id);
      const high = later.find((a) => a.id === row.id);
      const shown = number(row.cells[5]);
      assert.ok(shown >= low.messages_in * 0.99 && shown <= high.messages_in * 1.01, `${row.id}: ${low.messages_in} <= ${shown} <= ${high.messages_in}`);
      assert.equal(Number(row.cells[7]), low.restarts);
    }
  }, 'the page shows what inspect does', 60000);
  await page.getByRole('button', { name: 'actor', exact: true }).click();
  const ids = await page.locator('#actor-table tbody tr').evaluateAll((all) => all.map((row) => row.dataset.id));
  assert.deepEqual(ids, [...ids].sort());
  await page.locator('#actor-filter').fill('consensus');
  assert.equal(await page.locator('#actor-table tbody tr').count(), later.filter((a) => `${a.id} ${a.role} ${a.state}`.includes('consensus')).length);
  await shoot(page, 'actors');
  await page.getByRole('link', { name: 'validator-1/consensus' }).click();
  await page.getByText('Last messages').waitFor();
  await eventually(async () => assert.match(await page.locator('#actor-detail').innerText(), /phase[\s\S]*Peers[\s\S]*validator-2/), 'the actor is shown in full');
  await shoot(page, 'actor');
  await close();
});

test('blocks, certificates, views and primaries are those of the chain', { skip }, async () => {
  const { page, close } = await open(desk, '#blocks');
  const rows = await page.locator('#block-table tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((c) => c.innerText)));
  assert.ok(rows.length >= 5);
  for (const row of rows.slice(0, 8)) {
    const block = (await rpc(cluster.rpc, 'troupe_getBlock', ['0x' + Number(row[0]).toString(16)])).result;
    assert.equal(row[3], block.proposer);
    assert.equal(Number(row[4]), Number(block.view));
    assert.equal(Number(row[5]), block.chunks.length);
  }
  await shoot(page, 'blocks');
  await close();
});

test('a transaction’s way is drawn with the stations that trace gives', { skip }, async () => {
  const { page, close } = await open(desk, '#transactions');
  await page.locator('#transaction-hash').fill(hash);
  await page.getByRole('button', { name: 'Show its way' }).click();
  await page.locator('#way svg').waitFor();
  const { steps } = await cluster.json('trace', 'tx', hash);
  assert.equal(await page.locator('#way circle').count(), steps.length);
  assert.equal(await page.locator('#way-table tbody tr').count(), steps.length);
  assert.equal(await page.locator('#transaction-status').innerText(), 'executed');
  await shoot(page, 'transaction');
  await close();
});

test('on a phone nothing is wider than the screen, and the same is there', { skip }, async () => {
  for (const route of ['', '#actors', '#actor=validator-1%2Fconsensus', '#blocks', '#tx=' + hash]) {
    const { page, close } = await open(phone, route);
    if (route.startsWith('#tx')) await page.locator('#way svg').waitFor();
    if (route.startsWith('#actor=')) await page.getByText('Last messages').waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${route} fits`);
    await shoot(page, 'phone' + route.slice(0, 7).replace(/\W/g, '-'));
    await close();
  }
});

test('what a node says is never read as markup', { skip }, async () => {
  const { page, close } = await open(desk, '#actors');
  const nasty = '<img src=x onerror="window.hit=1">';
  await page.route('**/dashboard/cluster', async (route) => {
    const body = await (await route.fetch()).json();
    for (const host of body.hosts) {
      host.name = nasty;
      for (const node of host.nodes) {
        node.now = nasty;
        for (const actor of node.actors) Object.assign(actor, { state: nasty, last_error: nasty, errors: 1 });
      }
    }
    await route.fulfill({ json: body });
  });
  await page.getByText(nasty).filter({ visible: true }).first().waitFor();
  for (const route of ['', '#blocks', '#actors']) {
    await page.evaluate((r) => { location.hash = r; }, route);
    await page.waitForTimeout(0);
  }
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator('img').count(), 0);
  await close();
});

test('JSON-RPC on POST / is what it was, and the page is all there', { skip }, async () => {
  assert.ok((await rpc(cluster.rpc, 'eth_chainId')).result);
  assert.equal((await rpc(cluster.rpc, 'eth_nothing')).error.code, -32601);
  for (const [file, type] of [['/', 'text/html'], ['/style.css', 'text/css'], ['/app.js', 'text/javascript'], ['/pictures.js', 'text/javascript']]) {
    const answer = await fetch(cluster.rpc + file);
    assert.equal(answer.status, 200);
    assert.ok(answer.headers.get('content-type').startsWith(type));
    assert.doesNotMatch(await answer.text(), /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  }
  assert.equal((await fetch(cluster.rpc + '/etc/passwd')).status, 404);
});

test('a killed node is red on the map within seconds', { skip }, async () => {
  const { page, faults } = await open(desk);
  const pid = (await cluster.json('status')).nodes.find((n) => n.name === 'validator-3').pid;
  process.kill(pid, 'SIGKILL');
  const killed = Date.now();
  await page.locator('#map [data-node="validator-3"] .node-box.bad').waitFor({ timeout: 20000 });
  console.log(`the page showed the killed node after ${Date.now() - killed} ms`);
  await until(async () => (await page.locator('#map .link.bad').count()) >= 4, 'its links are down');
  await shoot(page, 'killed');
  await page.close();
  assert.deepEqual(faults, []);
});
