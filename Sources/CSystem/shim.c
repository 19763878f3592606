#include "shim.h"

#include "../../include/betapool.h"

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_key;
static int has_thread_key;

pthread_mutex_t *csystem_registry_mutex(void) {
    return &registry_mutex;
}

pthread_key_t csystem_thread_key(void) {
    return thread_key;
}

int csystem_thread_key_create(void (*on_exit)(void *)) {
    if (has_thread_key) {
        return 0;
    }
    int code = pthread_key_create(&thread_key, on_exit);
    has_thread_key = code == 0;
    return code;
}

const char *csystem_version(void) {
    return BETAPOOL_VERSION_STRING;
}
