{# Teaches: macros. SQL that several models need is written once here, and every model can call it by name. -#}

{# The same address, however it was typed: lower case, no blanks around it, and no value where nothing is left. -#}
{% macro clean_email(column) -%}
nullif(lower(trim({{ column }})), '')
{%- endmacro %}

{# A phone number as + and digits: '0049 (30) 23125-110' and '+493023125110' are the same. -#}
{% macro clean_phone(column) -%}
nullif(regexp_replace(regexp_replace({{ column }}, '[^0-9+]', '', 'g'), '^00', '+'), '')
{%- endmacro %}
