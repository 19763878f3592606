/* A bound on how many calls may wait: submit() then waits until there is room, or is refused. */
#include "host.h"

/* Whether there was room, or need not be: then it is taken. Else the caller is queued, if it has a bed. */
static bool take_room(pool_object *pool, bool must_not_wait, sleeper *own) {
    limit *limit = &pool->limit;
    bool is_taken;
    BEGIN_ATOMIC(pool);
    is_taken = limit->waiting < limit->most || limit->is_over || must_not_wait;
    if (is_taken) {
        limit->waiting++;
    } else if (own != NULL) {
        sleepers_add(&limit->submitters, own);
    }
    END_ATOMIC();
    return is_taken;
}

int limit_enter(pool_object *pool) {
    if (pool->limit.most == 0) {
        return 1;
    }
    /* A worker is not held up: it could be the one that must make room. */
    if (take_room(pool, host_is_serving(pool), NULL)) {
        return 1;
    }
    if (pool->limit.refuses) {
        return 0;
    }
    for (;;) {
        sleeper own;
        if (sleeper_init(&own) < 0) {
            return -1;
        }
        if (take_room(pool, false, &own)) {
            sleeper_destroy(&own);
            return 1;
        }
        int called = sleeper_wait(&own, FOREVER);
        if (called < 0) {
            bool was_called;
            BEGIN_ATOMIC(pool);
            was_called = !sleepers_remove(&pool->limit.submitters, &own);
            END_ATOMIC();
            if (was_called) { /* at the same moment: the room is another's now */
                sleeper_wait_for_call(&own);
                limit_call(pool, false);
            }
        }
        sleeper_destroy(&own);
        if (called < 0) {
            return -1;
        }
    }
}

void limit_call(pool_object *pool, bool all) {
    sleeper *taken;
    BEGIN_ATOMIC(pool);
    taken = sleepers_take(&pool->limit.submitters, all);
    END_ATOMIC();
    sleepers_call(taken);
}

void limit_leave(pool_object *pool) {
    if (pool->limit.most == 0) {
        return;
    }
    sleeper *taken;
    BEGIN_ATOMIC(pool);
    pool->limit.waiting--;
    taken = sleepers_take(&pool->limit.submitters, false);
    END_ATOMIC();
    sleepers_call(taken);
}

void limit_end(pool_object *pool) {
    pool->limit.is_over = true;
    limit_call(pool, true);
}
