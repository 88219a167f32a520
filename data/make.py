"""Remakes the sample sources that are not text, crm.duckdb and subscribers.parquet: `python data/make.py`."""

from pathlib import Path

import duckdb

DATA = Path(__file__).parent

CUSTOMERS = """
create table crm.customers (
    id integer,
    firstname varchar,
    lastname varchar,
    email varchar,
    phone varchar,
    country varchar,
    city varchar,
    zip varchar,
    account_ids varchar[],
    updated_at timestamp
);

insert into crm.customers values
    (1, 'Ada', 'Whitfield', ' Ada.Whitfield@Example.com', '+44 20 7946 0101', 'GB', 'London', 'N1 9GU',
        ['harbor-foods', 'lumen-studio'], '2025-01-14 09:30:00'),
    (2, 'Bruno', 'Keller', 'bruno.keller@example.org', '+49 30 23125-110', 'DE', 'Berlin', '10115',
        ['harbor-foods'], '2025-01-16 14:05:00'),
    (3, 'Clara', 'Lefèvre', 'clara.lefevre@example.net', '+33 1 99 00 12 34', 'FR', 'Lyon', '69002',
        ['orchard-press'], '2025-01-22 08:45:00'),
    (4, 'Ines', 'Moreau', 'Ines.Moreau@Example.org', '+33 6 39 98 20 41', 'FR', 'Nantes', '44000',
        [], '2025-02-03 11:20:00'),
    (5, 'Gustav', 'Lindqvist', 'info@example.com', '+46 8 465 004 12', 'SE', 'Stockholm', '111 29',
        ['meadow-clinic'], '2025-02-07 16:40:00'),
    (6, 'Dario', 'Conti', 'dario.conti@example.com ', null, 'IT', 'Torino', '10121',
        null, '2025-02-18 10:10:00'),
    (7, 'Grace', 'Okafor', 'grace.okafor@example.com', '+1 (212) 555-0143', 'US', 'New York', '10011',
        ['lumen-studio'], '2025-02-20 19:00:00'),
    (8, 'Grace', 'Okafor-Bell', 'GRACE.OKAFOR@example.com', null, 'us', 'Boston', '02108',
        ['harbor-foods'], '2025-04-29 15:30:00'),
    (9, 'Siobhán', 'O''Dwyer', 'siobhan@example.net', '+44 7700 900123', 'GB', 'Belfast', 'BT1 5GS',
        ['lumen-studio'], '2025-03-05 12:12:00'),
    (10, 'Łukasz', 'Nowak', 'Lukasz.Nowak@example.com', '+49 171 3920015', 'DE', 'Leipzig', '04109',
        ['lumen-studio'], '2025-03-11 07:55:00'),
    (11, 'Mei', 'Tanaka', 'mei.tanaka@example.com', '+1 415 555 0188', 'US', 'San Francisco', '94110',
        ['orchard-press'], '2025-03-19 22:25:00'),
    (12, 'Oskar', 'Brandt', '  oskar.brandt@example.org  ', '+49 171 3920041', 'DE', 'Hamburg', '20095',
        ['meadow-clinic'], '2025-03-26 09:00:00'),
    (13, 'Paula', 'Ferri', 'paula.ferri@example.com', null, 'IT', 'Bologna', '40121',
        null, '2025-04-08 13:50:00'),
    (14, 'Rosa', 'Delgado', 'rosa.delgado@example.org', '+1 512 555 0167', 'US', 'Austin', '78701',
        ['harbor-foods'], '2025-06-10 06:00:00'),
    (15, 'Tomas', 'Berg', 'tomas.berg@example.net', '+46 8 465 004 33', 'SE', 'Malmö', '211 20',
        ['meadow-clinic'], '2025-05-12 18:15:00'),
    (16, 'Vera', 'Adler', 'vera.adler@example.net', '+49 171 3920063', 'DE', 'Dresden', '01067',
        ['orchard-press'], '2025-06-10 06:00:00');
"""

SUBSCRIBERS = """
select
    subscriber_id::bigint as subscriber_id,
    email,
    subscribed,
    subscribed_at::timestamptz as subscribed_at
from (
    values
        (70001, 'ada.whitfield@example.com', true, '2024-11-02 10:00:00+00'),
        (70002, 'Ines.Moreau@example.org', true, '2024-11-18 21:14:00+00'),
        (70003, 'grace.okafor@example.com', false, '2024-12-01 09:30:00+00'),
        (70004, 'mei.tanaka@example.com', true, '2024-12-15 17:45:00+00'),
        (70005, 'marc.lefevre@example.net', true, '2025-01-07 08:20:00+00'),
        (70006, ' nora.quist@example.net ', true, '2025-01-29 12:05:00+00'),
        (70007, 'oskar.brandt@example.org', false, '2025-02-13 19:50:00+00'),
        (70008, 'theo.marchetti@example.com', true, '2025-03-02 06:40:00+00'),
        (70009, 'vera.adler@example.net', true, '2025-04-21 15:00:00+00'),
        (70010, 'info@example.com', true, '2025-04-30 11:11:00+00'),
        (70011, 'curious.reader@example.org', true, '2025-05-09 22:30:00+00'),
        (70012, 'h.lang@example.net', false, '2025-05-25 05:25:00+00')
) as rows (subscriber_id, email, subscribed, subscribed_at)
"""


def make_crm(path: Path) -> None:
    path.unlink(missing_ok=True)
    with duckdb.connect() as engine:
        # Small blocks: the file stays a few dozen kilobytes.
        engine.execute(f"attach '{path}' as crm (block_size 16384)")
        engine.execute(CUSTOMERS)
        engine.execute("checkpoint crm")


def make_newsletter(path: Path) -> None:
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        engine.execute(f"copy ({SUBSCRIBERS}) to '{path}' (format parquet)")


if __name__ == "__main__":
    make_crm(DATA / "crm.duckdb")
    make_newsletter(DATA / "newsletter" / "subscribers.parquet")
