"""The peer: the same counts by DuckDB's JSON reader and one query, without the checks of the lines' form."""

from __future__ import annotations

import json
import sys

import duckdb

QUERY = """
with history as (
    select hash(id) as id,
        bool_or(kind = 'invoke') as invoked, bool_or(kind = 'ok') as acked,
        bool_or(kind = 'fail') as failed, bool_or(kind = 'info') as info,
        min(t) filter (kind = 'ok') as acked_at, min(hash(value)) filter (kind = 'invoke') as value
    from read_json(?, format = 'newline_delimited',
        columns = {id: 'varchar', kind: 'varchar', t: 'double', value: 'varchar'})
    group by 1
), survivors as (
    select hash(id) as id, count(*) as copies, min(hash(value)) as value
    from read_json(?, format = 'newline_delimited', columns = {id: 'varchar', value: 'varchar'})
    group by 1
), each as (
    select coalesce(invoked, false) as invoked, coalesce(acked, false) as acked, acked_at,
        coalesce(invoked and not acked and (info or not failed), false) as unknown,
        coalesce(copies, 0) as copies, h.value = s.value as same
    from history h full join survivors s using (id)
)
select
    count(*) filter (invoked) as attempted,
    count(*) filter (acked) as acked,
    count(*) filter (acked and copies = 1 and same) as survived,
    count(*) filter (acked and copies = 0) as lost,
    count(*) filter (acked and copies = 0 and acked_at > ?) as lost_after_fault,
    count(*) filter (unknown and copies = 1 and same) as recovered,
    count(*) filter (unknown and copies = 0) as unknown,
    count(*) filter (not acked and not unknown and copies > 0) as phantom,
    count(*) filter ((acked or unknown) and copies > 1) as duplicate,
    count(*) filter ((acked or unknown) and copies = 1 and not same) as corrupt
from each
"""


def main(history: str, survivors: str, fault_at: float) -> None:
    """Print the counts as a JSON object."""
    connection = duckdb.connect(config={"memory_limit": "1500MB", "preserve_insertion_order": False})
    result = connection.execute(QUERY, [history, survivors, fault_at])
    names = [column[0] for column in result.description]
    print(json.dumps(dict(zip(names, result.fetchone() or (), strict=True))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
