{# Teaches: macros. SQL that several models need is written once, and every model calls it by name. -#}

{# An e-mail address, however it was typed: lower case, no blanks around it, null where nothing is left. -#}
{% macro clean_email(column) -%}
nullif(lower(trim({{ column }})), '')
{%- endmacro %}

{# A phone number as + and digits: '0049 (30) 23125-110' and '+493023125110' are the same. -#}
{% macro clean_phone(column) -%}
nullif(regexp_replace(regexp_replace({{ column }}, '[^0-9+]', '', 'g'), '^00', '+'), '')
{%- endmacro %}
