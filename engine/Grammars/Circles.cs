namespace Edge.Llm.Grammars;

/// <summary>The circles of a graph, those first that others lead to: Tarjan's algorithm, with its own stack.</summary>
internal static class Circles
{
    public static List<List<int>> Of(int count, Func<int, IReadOnlyList<int>> next)
    {
        var result = new List<List<int>>();
        int[] number = new int[count], low = new int[count];
        bool[] onPath = new bool[count];
        var path = new Stack<int>();
        var open = new Stack<(int Node, int Edge)>();
        int numbered = 0;
        for (int root = 0; root < count; root++)
        {
            if (number[root] != 0) continue;
            open.Push((root, 0));
            while (open.TryPop(out (int Node, int Edge) at))
            {
                (int node, int edge) = at;
                if (edge == 0)
                {
                    number[node] = low[node] = ++numbered;
                    path.Push(node);
                    onPath[node] = true;
                }
                IReadOnlyList<int> edges = next(node);
                if (edge > 0) low[node] = Math.Min(low[node], low[edges[edge - 1]]); // back from there
                while (edge < edges.Count && number[edges[edge]] != 0)
                {
                    if (onPath[edges[edge]]) low[node] = Math.Min(low[node], number[edges[edge]]);
                    edge++;
                }
                if (edge < edges.Count)
                {
                    open.Push((node, edge + 1));
                    open.Push((edges[edge], 0));
                }
                else if (low[node] == number[node])
                {
                    var circle = new List<int>();
                    int last;
                    do
                    {
                        last = path.Pop();
                        onPath[last] = false;
                        circle.Add(last);
                    }
                    while (last != node);
                    result.Add(circle);
                }
            }
        }
        return result;
    }
}
