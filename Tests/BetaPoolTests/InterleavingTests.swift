import Testing

/// Every interleaving of a few threads with a few tasks: nobody sleeps for ever, and no task runs twice.
@Suite struct InterleavingTests {
    @Test(arguments: [
        Interleavings(workers: 1, clients: [[0, 1, 2]]),
        Interleavings(workers: 2, clients: [[0, 1, 2]]),
        Interleavings(workers: 2, clients: [[0], [1, 2]]),
        Interleavings(workers: 3, clients: [[0, 1]]),
        // A task must not wait behind another while somebody could run it: here the first would wait for ever.
        Interleavings(workers: 2, clients: [[0, 1, 2]], dependencies: [0: 1]),
        Interleavings(workers: 2, clients: [[0, 1, 2]], dependencies: [1: 2]),
        Interleavings(workers: 2, clients: [[0, 2], [1]], dependencies: [0: 1]),
    ])
    func everyInterleavingEnds(of model: Interleavings) {
        let outcome = model.explore()
        #expect(outcome.failure == nil)
        #expect(outcome.states > 100)
    }

    @Test(arguments: [
        Interleavings.Mistake.sleepsOnClaims, .claimsBesideSleepers, .breaksTheChain, .trustsTheLookout, .leavesTheDoorOpen,
        .recallsTwice,
    ])
    func findsEachMistake(_ mistake: Interleavings.Mistake) {
        let model = Interleavings(workers: 2, clients: [[0, 1, 2]], dependencies: [0: 1], mistake: mistake)
        #expect(model.explore().failure != nil)
    }
}
