-- Streams of Kinesis. "settings" is a text of the service's. A stream that is
-- being deleted keeps its row until its records are gone.
create table kinesis_streams (
    region     text   not null,
    name       text   not null,
    stream_id  text   not null,
    status     text   not null,
    settings   text   not null,
    created_at bigint not null,
    primary key (region, name)
);
-- The shards of each, by number. "sequence" is the last number that was given
-- to a record, "arrived_at" the time of that; both only grow. A parent that is
-- not there is -1. An open shard has closed_at 0.
create table kinesis_shards (
    stream_id       text   not null,
    shard           bigint not null,
    first_hash      bytea  not null,
    last_hash       bytea  not null,
    parent          bigint not null,
    adjacent_parent bigint not null,
    first_sequence  bigint not null,
    sequence        bigint not null,
    arrived_at      bigint not null,
    created_at      bigint not null,
    closed_at       bigint not null,
    primary key (stream_id, shard)
);
-- Records that were written together are one row, sealed. "size" is that of
-- "data" before it was sealed.
create table kinesis_records (
    stream_id      text   not null,
    shard          bigint not null,
    last_sequence  bigint not null,
    first_sequence bigint not null,
    arrived_at     bigint not null,
    size           bigint not null,
    data           bytea  not null,
    primary key (stream_id, shard, last_sequence)
);
create index kinesis_records_arrived on kinesis_records (stream_id, shard, arrived_at, last_sequence);
