// Our BLS12-381 beside @noble/curves, on random inputs.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { bls12_381 as bls } from '@noble/curves/bls12-381';

const signatures = { DST: 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_' };
const possessions = { DST: 'BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_' };
const order = bls.fields.Fr.ORDER;
const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');
const compressed = (point) => hex(point.toRawBytes(true));

const seed = String(process.env.TROUPE_SEED ?? Math.floor(Math.random() * 2 ** 32));
const samples = JSON.parse(execFileSync(process.env.TROUPE_BLS_SAMPLES, [seed, '12']));

for (const [i, ours] of samples.entries()) {
  test(`sample ${i} of seed ${seed}`, () => {
    assert.equal(hex(bls.getPublicKey(ours.secret)), ours.public);
    assert.equal(hex(bls.sign(bytes(ours.message), ours.secret, signatures)), ours.signature);
    assert.equal(hex(bls.sign(bytes(ours.public), ours.secret, possessions)), ours.possession);
    const keys = bls.aggregatePublicKeys([bytes(ours.public), bytes(ours.other_public)]);
    assert(bls.verify(bytes(ours.aggregate), bytes(ours.message), keys, signatures));

    const options = { DST: bytes(ours.tag) };
    const p = bls.G1.ProjectivePoint.fromAffine(bls.G1.hashToCurve(bytes(ours.message), options).toAffine());
    const q = bls.G2.ProjectivePoint.fromAffine(bls.G2.hashToCurve(bytes(ours.message), options).toAffine());
    assert.equal(compressed(p), ours.hash_1);
    assert.equal(compressed(q), ours.hash_2);
    assert.equal(hex(q.toRawBytes(false)), ours.hash_2_uncompressed);

    const scalar = BigInt('0x' + ours.scalar);
    assert.equal(compressed(p.multiply(scalar)), ours.multiple_1);
    assert.equal(compressed(q.multiply(scalar)), ours.multiple_2);
    const square = (order - (scalar * scalar) % order) % order;
    assert.equal(compressed(p.multiply(scalar).add(bls.G1.ProjectivePoint.BASE.multiply(square))), ours.sum_1);
  });
}
