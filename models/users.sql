{# Teaches: what a user is. Its properties and their types, which of them identify a person, and guards. #}
{{ users(
    identifiers              = ['email', 'phone'],
    primary_sources          = {'email': 'crm', 'first_name': 'crm', 'address.city': 'crm'},
    ignore_values            = {'email': ['', 'info@example.com']},
    max_identities_per_value = 100,
) }}

create table users (
    email       varchar(254),                                         -- E-mail address in lower case
    phone       varchar(20),                                          -- Phone number: + and digits
    first_name  varchar(100),                                         -- First name
    last_name   varchar(100),                                         -- Last name
    country     enum('DE', 'FR', 'GB', 'IT', 'SE', 'US'),             -- Country, ISO 3166: two letters
    address     struct(city varchar, zip varchar),                    -- Where the person lives
    birth_year  year,                                                 -- Year of birth
    total_spent decimal(10, 2) check (total_spent >= 0),              -- Spent in the shop so far, in euros
    newsletter  boolean,                                              -- Whether the newsletter may be sent
    profile     json                                                  -- What the app knows, as it came
);
