// words.cpp - the most frequent words of files. Each file is counted by a task of its own; the results come back in futures.
#include "pool.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <unordered_map>
#include <vector>

using Counts = std::unordered_map<std::string, unsigned long>;

static Counts count_words(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(path + ": cannot be opened");
    }
    Counts counts;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) {
            counts[word]++;
        }
        word.clear();
    };
    for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) {
        const auto byte = static_cast<unsigned char>(*at);
        if (std::isalpha(byte)) {
            word.push_back(static_cast<char>(std::tolower(byte)));
        } else {
            finish();
        }
    }
    finish();
    return counts;
}

static void print_most_frequent(const Counts &counts, std::size_t most) {
    std::vector<std::pair<std::string, unsigned long>> order(counts.begin(), counts.end());
    std::sort(order.begin(), order.end(), [](const auto &a, const auto &b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    for (std::size_t i = 0; i < std::min(most, order.size()); i++) {
        std::printf("%7lu %s\n", order[i].second, order[i].first.c_str());
    }
}

int main(int argc, char **argv) try {
    if (argc < 2) {
        std::fputs("usage: words FILE...\n", stderr);
        return 2;
    }
    Pool pool("words");
    std::vector<std::future<Counts>> results;
    for (int i = 1; i < argc; i++) {
        results.push_back(pool.submit([path = std::string(argv[i])] { return count_words(path); }));
    }
    Counts total;
    for (auto &result : results) {
        for (const auto &[word, count] : result.get()) {
            total[word] += count;
        }
    }
    print_most_frequent(total, 20);
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "words: %s\n", error.what());
    return 1;
}
