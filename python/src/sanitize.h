/*
 * What the thread sanitizer is told when the extension alone is built with it: how CPython without a GIL and the library, which it does not
 * see into, order what threads do: all that a thread has done before COMES_BEFORE comes before what another one does after COMES_AFTER for
 * the same address. Nothing otherwise.
 */
#ifndef BETAPOOL_SANITIZE_H
#define BETAPOOL_SANITIZE_H

#if defined(__SANITIZE_THREAD__) && defined(Py_GIL_DISABLED)
#include <sanitizer/tsan_interface.h>

#define COMES_BEFORE(address) ((address) != NULL ? __tsan_release((void *)(address)) : (void)0)
#define COMES_AFTER(address) ((address) != NULL ? __tsan_acquire((void *)(address)) : (void)0)
#else
#define COMES_BEFORE(address) ((void)(address))
#define COMES_AFTER(address) ((void)(address))
#endif

#endif
