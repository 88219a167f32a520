{# Teaches: mapping by name. Without a mapping, a column named like a property becomes that property. #}
{{ config(
    connection        = 'shop',
    user_id           = 'customer_no',
    updated_at        = 'changed_at',
    updated_at_format = 'ISO8601',
    tags              = ['sales', 'files'],
    description       = 'Customers of the web shop. The file holds them all: who leaves it is deleted.',
) }}

select
    customer_no,
    first_name,
    last_name,
    {{ clean_email('e_mail') }} as email,
    upper(country) as country,
    total_spent,
    changed_at
-- All columns as text: usersync makes numbers of them, and brings times of any offset to UTC. A row where
-- that fails, such as C-1005, is kept in usersync.rejected_rows with the reason, and holds up no other.
from read_csv('customers.csv', all_varchar = true)
