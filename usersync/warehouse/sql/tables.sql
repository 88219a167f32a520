-- Every table of the warehouse. No primary keys and no indexes: they make merges ten times slower; builds check instead.
create schema if not exists usersync;

create table if not exists usersync.runs (
    run_id varchar,
    command varchar,
    started_at timestamp,
    ended_at timestamp,
    outcome varchar
);

create table if not exists usersync.pipeline_runs (
    run_id varchar,
    pipeline varchar,
    outcome varchar,
    full_import boolean,
    read bigint,
    unchanged bigint,
    inserted bigint,
    updated bigint,
    deleted bigint,
    rejected bigint,
    duplicates bigint,
    extract_seconds double,
    map_seconds double,
    merge_seconds double,
    error varchar
);

create table if not exists usersync.cursors (
    pipeline varchar,
    value varchar,
    definition_hash varchar,
    run_id varchar
);

create table if not exists usersync.rejected_rows (
    pipeline varchar,
    identity_id varchar,
    property varchar,
    reason varchar,
    row json,
    run_id varchar,
    attempts bigint
);

create table if not exists usersync.user_changes (
    run_id varchar,
    "at" timestamp,
    change varchar,
    user_id uuid,
    old_user_id uuid
);

create table if not exists usersync.ignored_values (
    property varchar,
    value varchar,
    identities bigint,
    reason varchar
);

-- Which user an identity belongs to; apart from its values, so that a merge of users rewrites no wide rows.
create table if not exists usersync.identity_users (
    _pk bigint,
    user_id uuid
);

create table if not exists user_accounts (
    user_id uuid,
    account_id varchar,
    account_name varchar
);
