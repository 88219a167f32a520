"""User ids: made of an identity's age when a user first needs one, so that none is kept for each identity."""


def user_id_of(seed: str, age: str) -> str:
    """SQL of the id of a user whose oldest identity has this age.

    It is a version 4 UUID of pseudorandom bits (RFC 9562, section 5.4): who does not know the seed cannot tell one id
    from another.

    Args:
        seed: SQL of the random UUID of the build in which the age was given, in usersync.id_seeds.
        age: SQL of the age.
    """
    bits = f"md5({seed}::varchar || {age}::varchar)"
    return rf"regexp_replace({bits}, '^(.{{12}}).(...).', '\14\2a')::uuid"
