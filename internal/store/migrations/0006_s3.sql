-- S3. Object keys are bytea, because bytes compare as bytes on every database,
-- which is the order of S3's lists.

create table s3_buckets (
    name       text   not null primary key,
    region     text   not null,
    created_at bigint not null
);

-- One row a setting that was put: policy, cors, website, acl, … Parsed by the
-- service; opaque here.
create table s3_bucket_settings (
    bucket text not null,
    kind   text not null,
    body   text not null,
    primary key (bucket, kind)
);

-- Runs of bytes, by the number of rows that name them. released_at says since
-- when nobody does; 0 while refs > 0.
create table s3_blobs (
    id          text   not null primary key,
    size        bigint not null,
    refs        bigint not null,
    released_at bigint not null
);
create index s3_blobs_released on s3_blobs (refs, released_at);

-- The current version of each key. rank orders the versions of a key: the
-- newest has the highest.
create table s3_objects (
    bucket      text   not null,
    key         bytea  not null,
    version     text   not null,
    rank        bigint not null,
    etag        text   not null,
    size        bigint not null,
    modified_at bigint not null,
    segments    text   not null,
    attributes  text   not null,
    primary key (bucket, key)
);

-- Former versions, and delete markers. A key whose newest row is a marker has
-- no row in s3_objects.
create table s3_versions (
    bucket      text   not null,
    key         bytea  not null,
    version     text   not null,
    rank        bigint not null,
    marker      bigint not null,
    etag        text   not null,
    size        bigint not null,
    modified_at bigint not null,
    segments    text   not null,
    attributes  text   not null,
    primary key (bucket, key, version)
);
create index s3_versions_by_rank on s3_versions (bucket, key, rank);

create table s3_uploads (
    bucket     text   not null,
    key        bytea  not null,
    id         text   not null,
    started_at bigint not null,
    attributes text   not null,
    primary key (bucket, key, id)
);

create table s3_parts (
    upload      text   not null,
    number      bigint not null,
    etag        text   not null,
    checksum    text   not null,
    size        bigint not null,
    modified_at bigint not null,
    segments    text   not null,
    primary key (upload, number)
);
