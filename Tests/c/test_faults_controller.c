/*
 * test_faults_controller.c - what becomes of a controller when the system refuses something: see fault_runs.h.
 */
#include "fault_runs.h"

/* A thread with a task, of which the controller sees that it waits. */
typedef struct member {
    betapool_controller *controller;
    gate gate;
    int number;
} member;

static int attach(betapool_controller *controller) {
    int number = betapool_controller_attach(controller);
    if (number < 0) {
        EXPECT_CODE(number, -ENOMEM, -ENOMEM);
        faults_end();
        number = betapool_controller_attach(controller);
    }
    EXPECT(number >= 0 && betapool_controller_set_busy(controller, number, true) == 0);
    return number;
}

static void *be_member(void *argument) {
    member *member = argument;
    member->number = attach(member->controller);
    gate_pass(&member->gate);
    EXPECT(betapool_controller_detach(member->controller, member->number) == 0);
    return NULL;
}

static void use_controller(void) {
    betapool_config config = paper_config();
    member member = {NULL, GATE_INITIALIZER, -1};
    betapool_decision decisions[2];
    pthread_t thread;
    INSIST(betapool_controller_create(&config, &member.controller), -ENOMEM, -ENOMEM);
    EXPECT(pthread_create(&thread, NULL, be_member, &member) == 0);
    EXPECT(HOLDS_SOON(gate_waiting(&member.gate) == 1));
    for (int i = 1; i < 17; i++) { /* one more than there is room for at first */
        EXPECT(attach(member.controller) == i);
    }
    EXPECT(betapool_controller_report(member.controller, 0.1, 0.2) == 0);
    EXPECT(betapool_controller_sample(member.controller) == 17);
    EXPECT(betapool_controller_sample(member.controller) == 17);
    EXPECT(betapool_controller_tick(member.controller, 1, 5, &decisions[0]) == 0);
    EXPECT(betapool_controller_get_decisions(member.controller, decisions, 2) == 1);
    gate_open(&member.gate);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(betapool_controller_free(member.controller) == 0);
}

/* Again, with the memory of the first one's handle. */
static void two_lives(void) {
    use_controller();
    use_controller();
}

static void memory(void **state) {
    (void)state;
    each_call_fails("controller", two_lives, FAULT_MALLOC);
    each_call_fails("controller", two_lives, FAULT_ATFORK);
}

static void wait_states(void **state) {
    (void)state;
    each_call_fails("controller", use_controller, FAULT_OPEN);
    each_call_fails("controller", use_controller, FAULT_PREAD);
}

static void limits(void **state) {
    (void)state;
    each_call_fails("controller", use_controller, FAULT_READ);
    each_call_fails("controller", use_controller, FAULT_AFFINITY);
    each_call_fails("controller", use_controller, FAULT_RLIMIT);
    each_call_fails("controller", use_controller, FAULT_SYSCONF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory),
        cmocka_unit_test(wait_states),
        cmocka_unit_test(limits),
    };
    return RUN_FAULTS(tests);
}
