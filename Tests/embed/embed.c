/*
 * embed.c - a program that starts and ends an interpreter again and again, with pools used in each, some of them still busy at its end.
 *     embed TIMES
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char program[] =
    "import time\n"
    "from betapool import AdaptiveThreadPoolExecutor, Controller\n"
    "ran = []\n"
    "with AdaptiveThreadPoolExecutor(4) as pool:\n"
    "    assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))\n"
    "busy = AdaptiveThreadPoolExecutor(2)\n"
    "for _ in range(20): busy.submit(lambda: (time.sleep(0.001), ran.append(1)))\n"
    "import atexit, os\n"
    "@atexit.register\n"
    "def count():\n"
    "    if len(ran) != 20: os.write(2, b'%d of 20 tasks ran' % len(ran)); os._exit(3)\n";

int main(int count, char **arguments) {
    int times = count > 1 ? atoi(arguments[1]) : 10;
    for (int i = 0; i < times; i++) {
        alarm(60); /* for one life */
        Py_Initialize();
        int code = PyRun_SimpleString(program);
        if (Py_FinalizeEx() < 0 || code != 0) {
            fprintf(stderr, "embed: life %d of the interpreter failed\n", i + 1);
            return 1;
        }
    }
    printf("embed: %d lives of an interpreter in one process, %d tasks\n", times, 70 * times); /* for evaluation.torture */
    return 0;
}
