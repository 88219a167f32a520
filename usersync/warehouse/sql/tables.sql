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

-- Evidence that an `unlink` of models/overrides.csv overruled; the property is null for one id in one connection and for
-- a `link`.
create table if not exists usersync.overruled_values (
    property varchar,
    value varchar,
    pipeline varchar,
    identity_id varchar,
    id_kind varchar
);

-- What increments are made from, ordered so that row groups can be skipped. Values to identities: the hash of an
-- identifier's value; the identity's key, and in the upper half the mask of its identifiers of higher priority.
create table if not exists usersync.links (
    value_hash ubigint,
    member ubigint
);

-- Identities to components: what evidence connects, whatever decisions keep apart.
create table if not exists usersync.nodes (
    _pk bigint,
    component bigint
);

-- Components to identities, and the user that each belongs to.
create table if not exists usersync.components (
    component bigint,
    _pk bigint,
    _user bigint
);

-- What user ids are made with, beside an identity's age: the seed of the build that gave the ages from this one on.
create table if not exists usersync.id_seeds (
    first_age bigint,
    seed uuid
);

-- The decisions of models/overrides.csv that are in force, by the keys of their identities.
create table if not exists usersync.decisions (
    decision varchar,
    a bigint,
    b bigint
);

create table if not exists usersync.state (
    key varchar,
    value varchar
);

create table if not exists user_accounts (
    user_id uuid,
    account_id varchar,
    account_name varchar
);
