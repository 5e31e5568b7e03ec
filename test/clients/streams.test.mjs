// Streams through AWS's SDKs for JavaScript: v3, whose Kinesis client speaks
// HTTP/2, in clear text too, and v2 with credentials of an identity pool, as the
// page of W0 has them.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import AWS from 'aws-sdk';
import { AdminInitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';
import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand,
  paginateListStreams, PutRecordCommand, PutRecordsCommand, SplitShardCommand, waitUntilStreamExists, waitUntilStreamNotExists,
} from '@aws-sdk/client-kinesis';
import { account, idp, identityPool, password, person, refused, region, root, url, userPool, v3 } from './stack.mjs';

const kinesis = new KinesisClient(v3);
const bytes = (text) => Buffer.from(text);

// read is what a shard holds from an iterator on, to its present end.
async function read(StreamName, ShardId, from = { ShardIteratorType: 'TRIM_HORIZON' }) {
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId, ...from }));
  const found = [];
  for (;;) {
    const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    found.push(...page.Records);
    if (page.Records.length === 0 || !page.NextShardIterator) return { found, ...page };
    ShardIterator = page.NextShardIterator;
  }
}
const texts = (records) => records.map((r) => Buffer.from(r.Data).toString());

before(async () => {
  await kinesis.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 1 }));
  const { state } = await waitUntilStreamExists({ client: kinesis, maxWaitTime: 30 }, { StreamName: 'clicks' });
  assert.equal(state, 'SUCCESS');
});

test('v3 speaks HTTP/2 as it is, and writes and reads', async () => {
  assert.match(kinesis.config.requestHandler.metadata.handlerProtocol, /^h2/);
  const one = await kinesis.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey: 'a', Data: bytes('one') }));
  assert.equal(one.ShardId, 'shardId-000000000000');
  assert.match(one.SequenceNumber, /^\d+$/);
  const more = await Promise.all([...Array(20).keys()].map((i) => kinesis.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey: 'a', Data: bytes(`more ${i}`) }))));
  assert.equal(new Set(more.map((r) => r.SequenceNumber)).size, 20);
  const several = await kinesis.send(new PutRecordsCommand({ StreamName: 'clicks', Records: [...Array(500).keys()].map((i) => ({ PartitionKey: `${i}`, Data: Buffer.alloc(10_000, 'x') })) }));
  assert.equal(several.FailedRecordCount, 0);
  assert.equal(several.Records.length, 500);
  const { found, MillisBehindLatest } = await read('clicks', 'shardId-000000000000');
  assert.equal(found.length, 521);
  assert.equal(texts(found)[0], 'one');
  assert.ok(found[0].ApproximateArrivalTimestamp instanceof Date);
  assert.equal(MillisBehindLatest, 0);
  const late = await read('clicks', 'shardId-000000000000', { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: found[519].SequenceNumber });
  assert.equal(late.found.length, 1);
});

test('v3: a shard that ends, and its children', async () => {
  await kinesis.send(new CreateStreamCommand({ StreamName: 'splitting', ShardCount: 1 }));
  await kinesis.send(new PutRecordCommand({ StreamName: 'splitting', PartitionKey: 'a', Data: bytes('parent') }));
  await kinesis.send(new SplitShardCommand({ StreamName: 'splitting', ShardToSplit: 'shardId-000000000000', NewStartingHashKey: `${2n ** 127n}` }));
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: 'splitting', ShardFilter: { Type: 'AT_LATEST' } }));
  assert.deepEqual(Shards.map((s) => s.ParentShardId), ['shardId-000000000000', 'shardId-000000000000']);
  const end = await read('splitting', 'shardId-000000000000');
  assert.deepEqual(texts(end.found), ['parent']);
  assert.equal(end.NextShardIterator, undefined);
  assert.deepEqual(end.ChildShards.map((s) => s.ShardId), ['shardId-000000000001', 'shardId-000000000002']);
  const names = [];
  for await (const page of paginateListStreams({ client: kinesis, pageSize: 1 }, {})) names.push(...page.StreamNames);
  assert.deepEqual(names, ['clicks', 'splitting']);
  await kinesis.send(new DeleteStreamCommand({ StreamName: 'splitting' }));
  const { state } = await waitUntilStreamNotExists({ client: kinesis, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { StreamName: 'splitting' });
  assert.equal(state, 'SUCCESS');
});

test('v3: refusals have their own names', async () => {
  await refused(kinesis.send(new DescribeStreamSummaryCommand({ StreamName: 'none' })), 'ResourceNotFoundException', `Stream none under account ${account} not found.`);
  await refused(kinesis.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 1 })), 'ResourceInUseException', `Stream clicks under account ${account} already exists.`);
  await refused(kinesis.send(new GetRecordsCommand({ ShardIterator: 'AAAA' })), 'InvalidArgumentException', 'Invalid ShardIterator.');
  await refused(kinesis.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey: '', Data: bytes('x') })), 'ValidationException', /'partitionKey'/);
  const nobody = new KinesisClient({ ...v3, credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'none' } });
  await refused(nobody.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey: 'a', Data: bytes('x') })), 'UnrecognizedClientException', 'The security token included in the request is invalid.');
  const altered = new KinesisClient({ ...v3, credentials: { ...root, secretAccessKey: `${root.secretAccessKey}x` } });
  await refused(altered.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey: 'a', Data: bytes('x') })), 'InvalidSignatureException');
});

test('v2 with an identity pool writes to its stream and to no other', async () => {
  await kinesis.send(new CreateStreamCommand({ StreamName: 'page', ShardCount: 1 }));
  const pool = await userPool({}, { ExplicitAuthFlows: ['ALLOW_ADMIN_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] });
  await person(pool, 'ann');
  const { identityPoolId } = await identityPool(pool, 'Clicks', [{ Effect: 'Allow', Action: 'kinesis:PutRecord', Resource: `arn:aws:kinesis:${region}:${account}:stream/page` }]);
  const { AuthenticationResult } = await idp.send(new AdminInitiateAuthCommand({
    UserPoolId: pool.userPoolId, ClientId: pool.clientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: password },
  }));
  const credentials = new AWS.CognitoIdentityCredentials(
    { IdentityPoolId: identityPoolId, Logins: { [pool.provider]: AuthenticationResult.IdToken } }, { region, endpoint: url, maxRetries: 0 },
  );
  await credentials.getPromise();
  const page = new AWS.Kinesis({ region, endpoint: url, credentials, maxRetries: 0 });
  const record = { PartitionKey: 'ann', Data: JSON.stringify({ page: '/' }) };
  await refused(page.putRecord({ ...record, StreamName: 'clicks' }).promise(), 'AccessDeniedException', /is not authorized to perform: kinesis:PutRecord on resource: /);
  await refused(page.createStream({ StreamName: 'mine', ShardCount: 1 }).promise(), 'AccessDeniedException');
  const written = await page.putRecord({ ...record, StreamName: 'page' }).promise();
  const { found } = await read('page', 'shardId-000000000000');
  assert.deepEqual(texts(found), ['{"page":"/"}']);
  assert.equal(found[0].SequenceNumber, written.SequenceNumber);
});
