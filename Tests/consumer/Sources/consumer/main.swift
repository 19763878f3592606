import BetaPool

// What the runtime of ordinary Swift does and that of Embedded Swift does not: were embedded objects linked into this, it would fail.
protocol Shape: AnyObject { var area: Double { get } }
final class Square: Shape {
    let side: Double
    init(_ side: Double) { self.side = side }
    var area: Double { side * side }
}

let pool = try AdaptiveThreadPool()
let words = "the quick brown fox jumps over the lazy dog; the end".split { !$0.isLetter }.map(String.init)
let counts = try await withThrowingTaskGroup(of: (String, Int).self) { group in
    for (place, word) in words.enumerated() {
        group.addTask { try await pool.run { (word.uppercased(), place) } }
    }
    var counts: [String: Int] = [:]
    for try await (word, _) in group { counts[word, default: 0] += 1 }
    return counts
}
precondition(counts["THE"] == 3 && counts.count == 9, "\(counts)")

let shapes: [any Shape] = (1...1000).map { Square(Double($0)) }
weak var first = shapes.first
precondition(shapes.reduce(0) { $0 + $1.area } == 333_833_500 && first != nil)
precondition((pool as Any) is AdaptiveThreadPool && "\(Mirror(reflecting: shapes[0]).children.first!.value)" == "1.0")

pool.shutdown()
try await pool.join()
precondition(pool.stats.completed == UInt64(words.count))
print("ran \(pool.stats.completed) tasks on BetaPool, policy \(pool.stats.policy)")
