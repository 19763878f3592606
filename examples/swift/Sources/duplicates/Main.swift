import BetaPool
import Foundation

// duplicates - files with the same content, found on a pool that sizes itself: a page from the cache costs CPU, a page from the disk costs
// waiting, and how many threads are right depends on which it is.
//
//   swift run -c release --package-path examples/swift duplicates /usr/share

@main struct Main {
    static func main() async {
        do {
            guard let options = try Options(CommandLine.arguments.dropFirst()) else { return print(Options.help) }
            try await search(options)
        } catch {
            tell("duplicates: \(error)\n")
            exit(2)
        }
    }

    private static func search(_ options: Options) async throws {
        let start = Decision.now
        let pool = try AdaptiveThreadPool(options.configuration)
        let files = try await pool.run { try Files(below: options.folders) }
        let search = try await Search(files, on: pool) { share in
            if isatty(STDERR_FILENO) != 0 { tell(String(format: "\r%.0f %%", share * 100)) }
        }
        if isatty(STDERR_FILENO) != 0 { tell("\r") }
        for group in search.groups {
            print("\(group.paths.count) files of \(group.size) bytes:")
            for path in group.paths { print("  \(path)") }
        }
        print(
            """
            \(files.count) files, \(search.read) of them read (\(megabytes(search.bytes))) in \(seconds(Decision.now - start)); \
            \(search.groups.count) groups are the same, \(megabytes(search.wasted)) could be saved
            """)
        for path in search.unreadable { print("cannot be read: \(path)") }
        report(pool, since: start)
    }

    private static func report(_ pool: AdaptiveThreadPool, since start: Duration) {
        let stats = pool.stats
        print("policy \(stats.policy): \(stats.threads) threads at the end, \(stats.completed) tasks, \(seconds(stats.cpuTime)) of CPU")
        for decision in pool.decisions where decision.threads != decision.threadsBefore {
            print("  \(seconds(decision.time - start))  \(decision)")
        }
    }

    private static func tell(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }

    private static func megabytes(_ bytes: Int) -> String {
        String(format: "%.1f MB", Double(bytes) / 1e6)
    }

    private static func seconds(_ time: Duration) -> String {
        String(format: "%.2f s", time / .seconds(1))
    }
}
