/*
 * test_dlopen.c - the library as a plug-in: loaded by dlopen, found by dlsym, let go of by dlclose, again and again. This program must not
 * be linked with it. The library is the one that BETAPOOL_LIBRARY names, or libbetapool.so.1 where the run path finds it.
 */
#include "support.h"

#include <dlfcn.h>
#include <malloc.h>

/* The functions of one loading. support.h's helpers call the library directly and are of no use here. */
typedef struct library {
    void *handle;
    __typeof__(&betapool_config_init) config_init;
    __typeof__(&betapool_create) create;
    __typeof__(&betapool_submit) submit;
    __typeof__(&betapool_wait) wait;
    __typeof__(&betapool_free) free;
    __typeof__(&betapool_version) version;
    __typeof__(&betapool_controller_create) controller_create;
    __typeof__(&betapool_controller_free) controller_free;
} library;

static const char *library_name(void) {
    const char *name = getenv("BETAPOOL_LIBRARY");
    return name != NULL ? name : "libbetapool.so.1";
}

/* POSIX lets dlsym's result be a function, C does not let it be cast. */
static bool find(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

/* Says on stderr what was wrong. For any thread and for children. */
static bool load(library *library, int flags) {
    library->handle = dlopen(library_name(), flags);
    bool found = library->handle != NULL && find(library->handle, "betapool_config_init", &library->config_init) &&
                 find(library->handle, "betapool_create", &library->create) && find(library->handle, "betapool_submit", &library->submit) &&
                 find(library->handle, "betapool_wait", &library->wait) && find(library->handle, "betapool_free", &library->free) &&
                 find(library->handle, "betapool_version", &library->version) &&
                 find(library->handle, "betapool_controller_create", &library->controller_create) &&
                 find(library->handle, "betapool_controller_free", &library->controller_free);
    if (!found) {
        dprintf(2, "%s: build the library, or set BETAPOOL_LIBRARY\n", dlerror());
    }
    return found;
}

static void await_thread_count(unsigned expected) {
    for (int i = 0; i < 10000 && thread_count() != expected; i++) {
        pause_seconds(0.001);
    }
    assert_int_equal(thread_count(), expected);
}

/* A pool under the default policy, with its ticker, that has done 500 tasks; NULL if anything was not as it should be. */
static betapool *use(const library *library) {
    betapool_config config;
    betapool *pool = NULL;
    static entry entries[500];
    memset(entries, 0, sizeof entries);
    ledger ledger = {entries, 500};
    bool right = library->config_init(&config) == 0;
    config.interval = 0.001;
    right = right && library->create(&config, &pool) == 0;
    for (size_t i = 0; i < ledger.count && right; i++) {
        right = library->submit(pool, enter_into_ledger, &entries[i]) == 0;
    }
    right = right && library->wait(pool, -1) == 0 && ledger_sums(&ledger).ran == 500 && ledger_sums(&ledger).wrong == 0;
    return right ? pool : NULL;
}

static void not_linked(void **state) {
    (void)state;
    if (dlopen(library_name(), RTLD_NOLOAD | RTLD_LAZY) != NULL) {
        fail_msg("%s", "the library is loaded before dlopen: link this program without -lbetapool");
    }
}

/* Nothing is left behind: after ten cycles, in which handles, arenas and stacks find their number, memory and files stay as they are. */
static void a_hundred_cycles(void **state) {
    (void)state;
    enum { CYCLES = 100, SLACK = 16384 }; /* a number of threads at a time that was not there before costs some bytes */
    unsigned before = thread_count(), files = 0;
    size_t memory = 0;
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        if (cycle == 10) {
            memory = mallinfo2().uordblks;
            files = file_count();
        }
        library library;
        assert_true(load(&library, RTLD_LOCAL | (cycle % 2 == 0 ? RTLD_NOW : RTLD_LAZY)));
        assert_string_equal(library.version(), BETAPOOL_VERSION_STRING);
        betapool *pool = use(&library);
        assert_non_null(pool);
        betapool_controller *controller = NULL;
        betapool_config config;
        assert_int_equal(library.config_init(&config), 0);
        assert_int_equal(library.controller_create(&config, &controller), 0);
        assert_int_equal(library.controller_free(controller), 0);
        assert_int_equal(library.free(pool), 0);
        assert_int_equal(dlclose(library.handle), 0);
        await_thread_count(before);
    }
    assert_int_equal(file_count(), files);
    assert_in_range(mallinfo2().uordblks, 0, memory + SLACK);
}

/* RTLD_LOCAL: its names are nobody else's. */
static void names_stay_local(void **state) {
    (void)state;
    library library;
    assert_true(load(&library, RTLD_LOCAL | RTLD_NOW));
    assert_null(dlsym(RTLD_DEFAULT, "betapool_create"));
    assert_int_equal(dlclose(library.handle), 0);
}

static void *load_and_use(void *argument) {
    library library;
    betapool *pool = NULL;
    betapool_config config;
    entry entry = {0, 0, 0};
    bool right = load(&library, RTLD_LOCAL | RTLD_NOW) && library.config_init(&config) == 0 && library.create(&config, &pool) == 0 &&
                 library.submit(pool, enter_into_ledger, &entry) == 0 && library.free(pool) == 0 && dlclose(library.handle) == 0;
    atomic_fetch_add((atomic_uint *)argument, !right || atomic_load(&entry.ran) != 1);
    return NULL;
}

/* From many threads at once, each of which comes and goes. */
static void many_threads_load(void **state) {
    (void)state;
    atomic_uint wrong = 0;
    for (int round = 0; round < 10; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, load_and_use, &wrong), 0);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    assert_int_equal(atomic_load(&wrong), 0);
}

/* fork after dlclose: no handler of a library that has gone is called. */
static void fork_after_dlclose(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        library library;
        betapool *pool = load(&library, RTLD_LOCAL | RTLD_NOW) ? use(&library) : NULL;
        _exit(pool != NULL && library.free(pool) == 0 ? 0 : 1);
    }
    assert_int_equal(exit_code_of(child), 0);
}

/* Let go of with workers and ticker alive: they must not lose the ground under their feet. */
static void dlclose_with_workers(void **state) {
    (void)state;
    library library;
    assert_true(load(&library, RTLD_LOCAL | RTLD_NOW));
    betapool *pool = use(&library);
    assert_non_null(pool);
    assert_true(thread_count() > 1);
    assert_int_equal(dlclose(library.handle), 0);
    pause_seconds(0.05); /* ticks of the ticker */
    assert_true(load(&library, RTLD_LOCAL | RTLD_NOW));
    entry entry = {0, 0, 0};
    assert_int_equal(library.submit(pool, enter_into_ledger, &entry), 0);
    assert_int_equal(library.wait(pool, -1), 0);
    assert_int_equal(atomic_load(&entry.ran), 1);
    assert_int_equal(library.free(pool), 0);
    assert_int_equal(dlclose(library.handle), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(not_linked, limit_time),
        cmocka_unit_test_setup(a_hundred_cycles, limit_time),
        cmocka_unit_test_setup(names_stay_local, limit_time),
        cmocka_unit_test_setup(many_threads_load, limit_time),
        cmocka_unit_test_setup(fork_after_dlclose, limit_time),
        cmocka_unit_test_setup(dlclose_with_workers, limit_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
