-- What is left of pipelines that are no longer in models/, once their identities are gone.
delete from usersync.cursors
where pipeline not in ({{ pipelines | map('literal') | join(', ') }});

delete from usersync.rejected_rows
where pipeline not in ({{ pipelines | map('literal') | join(', ') }});
