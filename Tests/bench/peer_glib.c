/* peer_glib.c - GLib's GThreadPool, exclusive: its threads are its own and all started at once. */
#include <glib.h>
#include <stdio.h>

#include "peer.h"

static void run(gpointer data, gpointer unused) {
    const task *task = data;
    (void)unused;
    task->function(task->argument);
}

static const char *version(void) {
    static char text[32];
    snprintf(text, sizeof text, "%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
    return text;
}

static void *create(unsigned workers) {
    return g_thread_pool_new(run, NULL, (gint)workers, TRUE, NULL);
}

static int submit(void *pool, const task *task) {
    return g_thread_pool_push(pool, (gpointer)task, NULL) ? 0 : -1;
}

static void destroy(void *pool) {
    g_thread_pool_free(pool, FALSE, TRUE);
}

const peer the_peer = {
    .symbol = "g_thread_pool_new",
    .version = version,
    .create = create,
    .submit = submit,
    .destroy = destroy,
};
