# Streams through boto3: the life of a stream, what is written and read, waiters
# and paginators, and refusals with their own exceptions.
#
# The environment says where, as in directory.py.
import os
import unittest

import boto3
from botocore.config import Config

url, account, region = os.environ["GATEHOUSE_URL"], os.environ["GATEHOUSE_ACCOUNT"], os.environ["AWS_REGION"]
kinesis = boto3.client("kinesis", endpoint_url=url, config=Config(retries={"max_attempts": 0}))
exceptions = kinesis.exceptions
FIRST = "shardId-000000000000"


def stream(name, shards=1):
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return f"arn:aws:kinesis:{region}:{account}:stream/{name}"


def read(name, shard=FIRST, **place):
    """All of a shard from a place on."""
    it = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, **(place or {"ShardIteratorType": "TRIM_HORIZON"}))["ShardIterator"]
    found = []
    while it:
        page = kinesis.get_records(ShardIterator=it, Limit=100)
        found += page["Records"]
        it = page.get("NextShardIterator") if page["Records"] else None
    return found


class Streams(unittest.TestCase):
    def test_records(self):
        arn = stream("records")
        first = kinesis.put_record(StreamName="records", PartitionKey="k", Data=b"\x00\xff first")
        self.assertEqual(first["ShardId"], FIRST)
        several = kinesis.put_records(StreamARN=arn, Records=[{"PartitionKey": str(i), "Data": str(i).encode()} for i in range(250)])
        self.assertEqual(several["FailedRecordCount"], 0)
        found = read("records")
        self.assertEqual([r["Data"] for r in found], [b"\x00\xff first"] + [str(i).encode() for i in range(250)])
        self.assertEqual([r["SequenceNumber"] for r in found[1:]], [r["SequenceNumber"] for r in several["Records"]])
        self.assertEqual(found[5]["PartitionKey"], "4")
        after = read("records", ShardIteratorType="AT_TIMESTAMP", Timestamp=found[0]["ApproximateArrivalTimestamp"])
        self.assertEqual(len(after), 251)
        with self.assertRaises(exceptions.InvalidArgumentException):
            kinesis.get_records(ShardIterator="AAAA")
        with self.assertRaises(exceptions.ResourceNotFoundException):
            kinesis.get_shard_iterator(StreamName="records", ShardId="shardId-000000000009", ShardIteratorType="LATEST")

    def test_life(self):
        arn = stream("life", 2)
        with self.assertRaises(exceptions.ResourceInUseException):
            kinesis.create_stream(StreamName="life", ShardCount=1)
        kinesis.add_tags_to_stream(StreamName="life", Tags={"team": "red"})
        self.assertEqual(kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "team", "Value": "red"}])
        kinesis.increase_stream_retention_period(StreamName="life", RetentionPeriodHours=168)
        kinesis.start_stream_encryption(StreamName="life", EncryptionType="KMS", KeyId="alias/aws/kinesis")
        with self.assertRaises(exceptions.KMSNotFoundException):
            kinesis.start_stream_encryption(StreamName="life", EncryptionType="KMS", KeyId="alias/mine")
        told = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
        self.assertEqual((told["StreamStatus"], told["OpenShardCount"], told["RetentionPeriodHours"], told["EncryptionType"]), ("ACTIVE", 2, 168, "KMS"))
        kinesis.update_shard_count(StreamName="life", TargetShardCount=3, ScalingType="UNIFORM_SCALING")
        # A page's token names the stream: AWS refuses its name beside it, which is
        # what boto3's paginator of list_shards sends.
        shards, page = [], kinesis.list_shards(StreamName="life", MaxResults=2)
        while page.get("NextToken"):
            shards += page["Shards"]
            page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
        shards += page["Shards"]
        self.assertEqual(len([s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]), 3)
        described = [s for page in kinesis.get_paginator("describe_stream").paginate(StreamName="life", PaginationConfig={"PageSize": 2}) for s in page["StreamDescription"]["Shards"]]
        self.assertEqual([s["ShardId"] for s in described], [s["ShardId"] for s in shards])
        kinesis.delete_stream(StreamName="life")
        kinesis.get_waiter("stream_not_exists").wait(StreamName="life", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        with self.assertRaises(exceptions.ResourceNotFoundException) as refused:
            kinesis.put_record(StreamName="life", PartitionKey="k", Data=b"x")
        self.assertEqual(refused.exception.response["Error"]["Message"], f"Stream life under account {account} not found.")

    def test_lists(self):
        for i in range(5):
            stream(f"list-{i}")
        pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2})
        names = [name for page in pages for name in page["StreamNames"]]
        self.assertEqual([n for n in names if n.startswith("list-")], [f"list-{i}" for i in range(5)])


if __name__ == "__main__":
    unittest.main()
