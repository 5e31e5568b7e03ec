// A bucket that lives elsewhere, in Node: AWS's SDK v3 streams into it, with
// the checksum behind the body, and reads it back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand, CreateMultipartUploadCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, UploadPartCommand,
} from '@aws-sdk/client-s3';
import { refused, s3 } from './stack.mjs';

const Bucket = 'photos';
const bytes = (n) => Buffer.alloc(n, '0123456789abcdef');
const md5 = (b) => createHash('md5').update(b).digest('hex');
const read = async (Key) => Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))).Body.transformToByteArray());

for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME']) {
  test(`a stream, with ${ChecksumAlgorithm} behind it`, async () => {
    const body = bytes(300_001);
    const pieces = [body.subarray(0, 100_000), body.subarray(100_000)];
    const Key = `stream ${ChecksumAlgorithm}/ü+%.bin`;
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: Readable.from(pieces), ContentLength: body.length, ChecksumAlgorithm, ContentEncoding: 'identity', Metadata: { a: 'b' } }));
    assert.equal(put.ETag, `"${md5(body)}"`);
    assert.ok(put[`Checksum${ChecksumAlgorithm}`]);
    assert.deepEqual(await read(Key), body);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.deepEqual([head.Metadata, head.ContentEncoding, head.ContentLength], [{ a: 'b' }, 'identity', body.length]);
  });
}

test('a checksum that is not the body\'s', async () => {
  await refused(s3.send(new PutObjectCommand({ Bucket, Key: 'wrong', Body: bytes(100_000), ChecksumCRC32: 'AAAAAA==' })), 'BadDigest', /did not match/);
  await refused(s3.send(new HeadObjectCommand({ Bucket, Key: 'wrong' })), 'NotFound', /./);
});

test('an upload in parts', async () => {
  const parts = [bytes(5 << 20), bytes(1234)];
  const at = { Bucket, Key: 'parts' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'CRC32' }));
  const done = [];
  for (const [i, Body] of parts.entries()) {
    const { ETag, ChecksumCRC32 } = await s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber: i + 1, Body: Readable.from([Body]), ContentLength: Body.length, ChecksumAlgorithm: 'CRC32' }));
    done.push({ PartNumber: i + 1, ETag, ChecksumCRC32 });
  }
  await s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: done } }));
  assert.deepEqual(await read('parts'), Buffer.concat(parts));
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
  assert.deepEqual(Contents.map((o) => o.Key).sort().slice(0, 1), ['parts']);
});
