// Random programs as state tests: a generator of code that mostly runs (enough on the stack, memory that can be paid for,
// jumps to where one may jump), in a small world where contracts call each other.
export const addresses = {
  sender: null, // of the key that signs
  entry: '0x00000000000000000000000000000000000000e0',
  programs: [1, 2, 3].map((n) => '0x00000000000000000000000000000000000000c' + n),
  coinbase: '0x00000000000000000000000000000000000000fe',
  absent: '0x00000000000000000000000000000000000000dd',
};

/// xorshift: the same programs from the same seed everywhere.
export class Random {
  #state;
  constructor(seed) {
    this.#state = (BigInt(seed) * 0x9e3779b97f4a7c15n + 1n) & 0xffffffffffffffffn || 1n;
    for (let i = 0; i < 8; i++) this.next();
  }
  next() {
    let x = this.#state;
    x ^= (x << 13n) & 0xffffffffffffffffn;
    x ^= x >> 7n;
    x ^= (x << 17n) & 0xffffffffffffffffn;
    return (this.#state = x);
  }
  below(n) {
    return Number((this.next() >> 11n) % BigInt(n));
  }
  pick(list) {
    return list[this.below(list.length)];
  }
}

const hex = (value, bytes) => value.toString(16).padStart(2 * bytes, '0');

/// Kinds of arguments, top of the stack first: w any word, o memory offset, s size, a address, g gas, k slot, v value,
/// c calldata or code offset, b a block number long past.
const instructions = [
  ...'01 02 03 04 05 06 07 0a 0b 10 11 12 13 14 16 17 18 1a 1b 1c 1d'.split(' ').map((op) => [op, 'ww', 1]),
  ['08', 'www', 1], ['09', 'www', 1], ['15', 'w', 1], ['19', 'w', 1], ['1e', 'w', 1], ['20', 'os', 1],
  ...'30 32 33 34 36 38 3a 3d 41 42 43 44 45 46 47 48 4a 58 59 5a 5f'.split(' ').map((op) => [op, '', 1]),
  ['31', 'a', 1], ['35', 'c', 1], ['37', 'ocs', 0], ['39', 'ocs', 0], ['3b', 'a', 1], ['3c', 'aocs', 0],
  ['3e', 'ozs', 0], ['3f', 'a', 1], ['40', 'b', 1], ['49', 'k', 1], ['50', 'w', 0], ['51', 'o', 1], ['52', 'ow', 0],
  ['53', 'ow', 0], ['54', 'k', 1], ['55', 'kw', 0], ['5b', '', 0], ['5c', 'k', 1], ['5d', 'kw', 0], ['5e', 'oos', 0],
  ['a0', 'os', 0], ['a1', 'osw', 0], ['a2', 'osww', 0], ['a3', 'oswww', 0], ['a4', 'oswwww', 0],
  ['f0', 'vos', 1], ['f5', 'vosk', 1],
  ['f1', 'gavosos', 1], ['f2', 'gavosos', 1], ['f4', 'gaosos', 1], ['fa', 'gaosos', 1],
  ['f1', 'gavosos', 1], ['fa', 'gaosos', 1], ['54', 'k', 1], ['55', 'kw', 0], ['55', 'kw', 0],
];
// All but the point evaluation, which needs a trusted setup there.
const precompiles = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 256].map(BigInt);
// Reverting with data that begins with 0xef is left out: @ethereumjs/evm 10.1.3 applies EIP-3541 to it in creations.
const endings = ['00', '5f5ff3', '60206000f3', '60406020fd', 'fe', '30ff', '41ff', '60c1ff', '60ddff', '5050', '56'];

const interesting = [0n, 1n, 2n, 7n, 31n, 32n, 255n, 256n, 0x7fn, 0x80n, 0xffffn, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n,
  2n ** 128n - 1n, 2n ** 255n - 1n, 2n ** 255n, 2n ** 256n - 1n, 2n ** 256n - 2n];

function push(value) {
  if (value === 0n) return '5f';
  const bytes = Math.ceil(value.toString(16).length / 2);
  return hex(0x5f + bytes, 1) + hex(value, bytes);
}

function argument(random, kind) {
  const small = (n) => BigInt(random.below(n));
  switch (kind) {
    case 'o': return random.below(40) ? small(200) : small(5000);
    case 's': return random.below(40) ? small(100) : small(3000);
    case 'z': return random.below(4) ? 0n : small(40);
    case 'c': return random.below(10) ? small(80) : random.pick(interesting);
    case 'k': return random.below(10) ? small(4) : random.pick(interesting);
    case 'v': return random.below(3) ? 0n : small(20);
    case 'g': return random.below(4) ? 30000n + small(60000) : small(3000);
    case 'b': return random.pick([0n, 1n, 300n, 301n, 2n ** 64n, 2n ** 256n - 1n]);
    case 'a': return random.pick([
      ...addresses.programs, addresses.entry, addresses.coinbase, addresses.absent, addresses.sender,
    ].map(BigInt).concat(random.below(3) ? [] : [random.pick(precompiles)]));
    default: {
      if (random.below(3)) return random.pick(interesting);
      let word = 0n;
      for (let i = 1 + random.below(4); i > 0; i--) word = (word << 64n) | random.next();
      return word;
    }
  }
}

function piece(random, depth, steps) {
  let code = '';
  for (; steps > 0; steps--) {
    const choice = random.below(24);
    if (choice === 0 && depth.now > 0) {
      const n = random.below(Math.min(16, depth.now));
      code += hex(0x80 + n, 1);
      depth.now++;
    } else if (choice === 1 && depth.now > 1) {
      code += hex(0x90 + random.below(Math.min(16, depth.now - 1)), 1);
    } else if (choice === 2) {
      // Over a few instructions, if the condition holds: PC gives where the code is.
      const inside = { now: 0 };
      const body = piece(random, inside, 1 + random.below(3)) + '50'.repeat(Math.max(0, inside.now));
      const length = body.length / 2;
      // condition; PC; PUSH2 n; ADD; JUMPI; body; JUMPDEST
      code += push(argument(random, 'w')) + '58' + '61' + hex(length + 6, 2) + '01' + '57' + body + '5b';
    } else if (choice === 3 && !random.below(6)) {
      code += hex(random.below(256), 1);
    } else {
      const [op, kinds, results] = random.pick(instructions);
      // Some arguments are what lies on the stack.
      let pushed = '';
      const own = kinds.length > 0 && kinds[kinds.length - 1] === 'w' && depth.now > 0 && random.below(2) ? 1 : 0;
      for (const kind of [...kinds].slice(0, kinds.length - own).reverse()) pushed += push(argument(random, kind));
      code += pushed + op;
      depth.now += results - own;
    }
  }
  return code;
}

function program(random) {
  const depth = { now: 0 };
  let code = '';
  // Calldata or constants in memory, so that what is called and created gets something.
  for (let i = random.below(4); i > 0; i--)
    code += push(argument(random, 'w')) + push(BigInt(32 * random.below(6))) + '52';
  if (!random.below(4)) code += '366000600037';
  // Init code that makes a small contract.
  if (!random.below(4)) code += push(BigInt('0x' + random.pick(['33ff', '600160015500', '5f5ff3', '5f5ffd', 'fe', 'ef',
    '60ff5f5260205ff3', '6133ff5f526002601ef3', '5f545f5260205ff3']).padEnd(64, '0'))) + '5f52';
  const loop = random.below(8) === 0 ? 2 + random.below(20) : 0;
  if (loop) {
    // counter; JUMPDEST; body with a stack of its own; counter - 1; JUMPI
    const inner = { now: 0 };
    const body = piece(random, inner, 1 + random.below(4));
    const start = code.length / 2 + 2;
    code += push(BigInt(loop)) + '5b' + body + '50'.repeat(Math.max(0, inner.now)) + '6001900380' +
      '61' + hex(start, 2) + '57' + '50';
  }
  code += piece(random, depth, 1 + random.below(30));
  return code + random.pick(endings);
}

/// Calls program 1 with the calldata, and keeps status, size and hash of what it returned, and the gas left.
function entry() {
  return '365f5f37' + '5f5f365f34' + '73' + addresses.programs[0].slice(2) + '5a' + 'f1' + '601055' + '3d601155' +
    '3d5f5f3e' + '3d5f20601255' + '5a601355' + '00';
}

/// A world and one transaction, as values: [hex, number, ...] that both machines understand.
export function makeCase(seed) {
  const random = new Random(seed);
  const pre = {
    [addresses.sender]: { nonce: 5n, balance: 10n ** 18n, code: '', storage: {} },
    [addresses.entry]: { nonce: 1n, balance: 0n, code: entry(), storage: {} },
  };
  for (const address of addresses.programs) {
    const storage = {};
    for (let i = 0; i < 4; i++) if (random.below(2)) storage[i] = argument(random, 'w') || 1n;
    pre[address] = { nonce: 1n, balance: BigInt(random.below(100)), code: program(random), storage };
  }
  // A delegation (EIP-7702) and an account without code.
  if (!random.below(3)) pre[addresses.absent] = { nonce: 1n, balance: 3n, code: 'ef0100' + addresses.programs[1].slice(2), storage: {} };
  const transaction = {
    type: random.pick([0, 1, 2, 2, 4]),
    nonce: 5n,
    gasLimit: 100000n + BigInt(random.below(900000)),
    value: BigInt(random.below(3) * random.below(1000)),
    data: [...Array(random.below(5) * random.below(20))].map(() => hex(random.below(3) ? random.below(256) : 0, 1)).join(''),
    to: random.below(10) ? addresses.entry : random.pick([...addresses.programs, addresses.absent, addresses.coinbase]),
  };
  if (!random.below(10)) {
    transaction.to = null;
    transaction.data = program(random);
    if (transaction.type === 4) transaction.type = 2;
  }
  if (transaction.type === 1 || (transaction.type === 2 && !random.below(2)))
    transaction.accessList = [{ address: random.pick(addresses.programs), storageKeys: [0, 1].slice(random.below(3)).map((n) => '0x' + hex(n, 32)) }];
  if (transaction.type === 4)
    transaction.authorizations = [...Array(1 + random.below(3))].map(() => ({
      chainId: BigInt(random.below(3) === 0 ? 2 : random.below(2)),
      address: random.below(5) ? random.pick(addresses.programs) : '0x' + '00'.repeat(20),
      key: random.below(3),
      nonce: BigInt(random.below(3)),
    }));
  return {
    seed, pre, transaction,
    fork: random.below(3) ? 'Osaka' : 'Prague',
    block: {
      number: 300n, timestamp: 1700000000n, gasLimit: 60000000n, baseFee: 7n,
      random: '0x' + hex(random.next(), 32), coinbase: random.below(6) ? addresses.coinbase : addresses.programs[2],
    },
    gasPrice: 10n,
  };
}
