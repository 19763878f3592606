import BetaPool
import Foundation

/// The regular files below some folders, by size. Those that are alone in theirs need not be read.
struct Files {
    private(set) var bySize: [Int: [String]] = [:]
    private(set) var count = 0

    /// Blocks its thread: to be called on a pool.
    init(below folders: [String]) throws {
        for folder in folders {
            guard FileManager.default.fileExists(atPath: folder) else { throw Options.Mistake(description: "\(folder) does not exist") }
            let keys: Set<URLResourceKey> = [.isRegularFileKey, .fileSizeKey]
            let walk = FileManager.default.enumerator(at: URL(fileURLWithPath: folder), includingPropertiesForKeys: Array(keys))
            while let url = walk?.nextObject() as? URL {
                guard let values = try? url.resourceValues(forKeys: keys), values.isRegularFile == true else { continue }
                bySize[values.fileSize ?? 0, default: []].append(url.path)
                count += 1
            }
        }
    }
}

/// Reads all files that may have a double, one task a file.
struct Search {
    struct Group {
        let size: Int
        let paths: [String]
    }

    private struct Content: Hashable {
        let size: Int
        let checksum: UInt128
    }

    private(set) var groups: [Group] = []
    private(set) var unreadable: [String] = []
    private(set) var read = 0
    private(set) var bytes = 0

    /// Bytes in files that have a double.
    var wasted: Int { groups.reduce(0) { $0 + $1.size * ($1.paths.count - 1) } }

    /// - Parameter progress: Is called now and then with the share of files that have been read.
    init(_ files: Files, on pool: AdaptiveThreadPool, progress: (Double) -> Void) async throws {
        let candidates = files.bySize.filter { $0.key > 0 && $0.value.count > 1 }
        let count = candidates.values.reduce(0) { $0 + $1.count }
        var same: [Content: [String]] = [:]
        try await withThrowingTaskGroup(of: (String, Content?).self) { group in
            for (size, paths) in candidates {
                for path in paths {
                    group.addTask {
                        let sum = try await pool.run { try? checksum(path) }
                        return (path, sum.map { Content(size: size, checksum: $0) })
                    }
                }
            }
            for try await (path, content) in group {
                read += 1
                if read % 100 == 0 { progress(Double(read) / Double(count)) }
                guard let content else {
                    unreadable.append(path)
                    continue
                }
                bytes += content.size
                same[content, default: []].append(path)
            }
        }
        groups = same.filter { $0.value.count > 1 }.map { Group(size: $0.key.size, paths: $0.value.sorted()) }
        groups.sort { ($0.size, $1.paths[0]) > ($1.size, $0.paths[0]) }
    }
}

/// FNV-1a over the file, 8 bytes at a step: enough to tell files apart that nobody has forged. Blocks its thread.
private func checksum(_ path: String) throws -> UInt128 {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }
    var sum: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    func add(_ word: UInt64) { sum = (sum ^ UInt128(word)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b }
    while let chunk = try file.read(upToCount: 1 << 17), !chunk.isEmpty {
        chunk.withUnsafeBytes { bytes in
            let words = bytes.count / 8
            for index in 0..<words { add(bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) }
            for byte in bytes[(words * 8)...] { add(UInt64(byte)) }
        }
    }
    return sum
}
