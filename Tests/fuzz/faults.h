/* faults.h - see faults.c. */
#ifndef FUZZ_FAULTS_H
#define FUZZ_FAULTS_H

#include <stdbool.h>

typedef enum fault_kind { FAULT_MALLOC, FAULT_THREAD, FAULT_FILE, FAULT_KINDS } fault_kind;

/* After `before` more calls of the kind the next `count` fail. */
void faults_arm(unsigned kind, unsigned before, unsigned count);
void faults_disarm(void);

#endif /* FUZZ_FAULTS_H */
