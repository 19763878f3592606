import Foundation
import Testing

@testable import BetaPoolCore

@Suite struct SystemTests {
    @Test(arguments: [
        (0.0, "0"), (7, "7"), (0.5, "0.5"), (0.12, "0.12"), (0.999, "1"), (-1.25, "-1.25"), (1e6, "1000000"), (.nan, "unknown"),
        (.infinity, "unknown"), (3.07, "3.07"),
    ])
    func writesNumbers(_ number: Double, _ expected: String) {
        #expect(Text.string { $0.append(number) } == expected)
    }

    @Test func cutsTextAndSaysItsLength() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4) { memory in
            var text = Text(in: memory)
            text.append("abcdef")
            #expect(String(cString: memory.baseAddress!) == "abc")
            #expect(text.length == 6)
            #expect(text.wasCut)
        }
    }

    @Test func clocksAgreeWithTheSystem() {
        let before = ProcessInfo.processInfo.systemUptime
        let now = Clock.now()
        let after = ProcessInfo.processInfo.systemUptime
        // Both read CLOCK_MONOTONIC, except that Foundation may count suspended time.
        #expect(now >= before - 60 && now <= after + 1e9)
        #expect(Clock.now() >= now)
    }

    @Test func readsTheCPUTimeOfAnotherThread() async {
        let clock = ThreadCPUClock.ofCallingThread()!
        let start = clock.read()
        while Clock.threadCPU() - start < 0.02 {}
        let seen = await withCheckedContinuation { continuation in
            Foundation.Thread.detachNewThread { continuation.resume(returning: clock.read()) }
        }
        #expect(seen - start >= 0.02)
    }

    @Test func futexWaitsAndWakes() throws {
        let futex = try #require(Futex())
        defer { futex.destroy() }
        let start = Clock.now()
        futex.wait(while: 0, until: start + 0.02)
        #expect(Clock.now() - start >= 0.02)
        futex.wait(while: 1)  // it is 0: returns at once
        Foundation.Thread.detachNewThread {
            futex.store(5)
            futex.wakeAll()
        }
        while futex.load() == 0 { futex.wait(while: 0) }
        #expect(futex.load() == 5)
        futex.increment()
        #expect(futex.load() == 6)
    }

    @Test func limitsArePlausible() {
        let limits = Limits.current()
        #expect(limits.cores > 0 && limits.cores <= Double(sysconf(Int32(_SC_NPROCESSORS_CONF))))
        #expect(limits.memory! > 1 << 20)
        #expect(limits.threads! > 1)
    }
}

/// Control groups as folders of files, in the layouts of version 1, version 2 and both at once.
@Suite struct CGroupTests {
    private func withGroups<Result>(
        membership: String, files: [String: String], _ body: (CGroup) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("betapool-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: false, encoding: .utf8)
        }
        let list = folder.appendingPathComponent("membership")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try membership.write(to: list, atomically: false, encoding: .utf8)
        return try list.path.withCString { list in
            try folder.path.withCString { root in try body(CGroup(membership: list, root: root)) }
        }
    }

    @Test func version2TakesTheTightestOfTheGroupsAbove() throws {
        try withGroups(
            membership: "0::/system.slice/app.service\n",
            files: [
                "cpu.max": "max 100000\n", "system.slice/cpu.max": "150000 100000\n", "system.slice/app.service/cpu.max": "400000 100000\n",
                "system.slice/memory.max": "max\n", "system.slice/app.service/memory.max": "536870912\n",
                "system.slice/pids.max": "100\n", "system.slice/app.service/pids.max": "max\n",
            ]
        ) { group in
            #expect(group.cores == 1.5)
            #expect(group.memory == 536_870_912)
            #expect(group.threads == 100)
        }
    }

    @Test func version1HasOneFolderForEachController() throws {
        try withGroups(
            membership: "12:pids:/box\n5:cpu,cpuacct:/box\n4:memory:/box\n",
            files: [
                "cpu/box/cpu.cfs_quota_us": "50000\n", "cpu/box/cpu.cfs_period_us": "100000\n", "cpu/cpu.cfs_quota_us": "-1\n",
                "memory/box/memory.limit_in_bytes": "1048576\n", "pids/box/pids.max": "max\n",
            ]
        ) { group in
            #expect(group.cores == 0.5)
            #expect(group.memory == 1_048_576)
            #expect(group.threads == nil)
        }
    }

    @Test func bothVersionsAtOnce() throws {
        try withGroups(
            membership: "3:cpu:/a\n0::/b\n",
            files: ["cpu/a/cpu.cfs_quota_us": "300000\n", "cpu/a/cpu.cfs_period_us": "100000\n", "b/pids.max": "7\n"]
        ) { group in
            #expect(group.cores == 3)
            #expect(group.threads == 7)
        }
    }

    @Test(arguments: ["", "nonsense", "0::", "0::/gone\n", "::::\n", "5:cpu"])
    func nothingReadableMeansNoLimit(_ membership: String) throws {
        try withGroups(membership: membership, files: ["gone/cpu.max": "garbage\n", "gone/memory.max": "\n"]) { group in
            #expect(group.cores == nil)
            #expect(group.memory == nil)
            #expect(group.threads == nil)
        }
    }

    @Test func noMembershipFile() {
        "/nowhere/at/all".withCString { path in
            #expect(CGroup(membership: path, root: path).cores == nil)
        }
    }
}
