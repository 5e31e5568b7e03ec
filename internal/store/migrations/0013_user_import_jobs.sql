-- CSV import jobs of user pools. read_to and line say how far the file has been
-- read: they change in the transaction that adds the users up to there.
create table user_import_jobs (
    pool_id      text   not null,
    job_id       text   not null,
    name         text   not null,
    role_arn     text   not null,
    status       text   not null,
    file_id      text   not null,
    file_size    bigint not null,
    created_at   bigint not null,
    started_at   bigint not null,
    completed_at bigint not null,
    imported     bigint not null,
    skipped      bigint not null,
    failed       bigint not null,
    message      text   not null,
    read_to      bigint not null,
    line         bigint not null,
    holder       text   not null,
    lease_until  bigint not null,
    primary key (pool_id, job_id)
);
create index user_import_jobs_by_age on user_import_jobs (pool_id, created_at, job_id);
create index user_import_jobs_by_status on user_import_jobs (status, created_at);

-- Uploaded files, in chunks. A file that nobody needs any more has an
-- expires_at; 0 is a file that a job will read.
create table user_import_files (
    pool_id    text   not null,
    file_id    text   not null,
    expires_at bigint not null,
    primary key (pool_id, file_id)
);
create index user_import_files_by_expiry on user_import_files (expires_at);

create table user_import_chunks (
    pool_id text   not null,
    file_id text   not null,
    number  bigint not null,
    data    bytea  not null,
    primary key (pool_id, file_id, number)
);

-- What became of the rows that made no user.
create table user_import_log (
    pool_id text   not null,
    job_id  text   not null,
    line    bigint not null,
    outcome text   not null,
    primary key (pool_id, job_id, line)
);
