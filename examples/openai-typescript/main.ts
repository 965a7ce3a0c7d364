import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8420/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const model = process.env.MODEL ?? "default";

async function main(): Promise<void> {
  const said = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: "Say hello." }],
  });
  console.log("chat:", said.choices[0].message.content);

  const stream = client.chat.completions.stream({
    model,
    messages: [{ role: "user", content: "Say hello." }],
  });
  console.log("stream:", await stream.finalContent());

  const response = await client.responses.create({ model, input: "Say hello." });
  console.log("responses:", response.output_text);

  const events = await client.responses.create({ model, input: "Say hello.", stream: true });
  let text = "";
  for await (const event of events) {
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  console.log("responses stream:", text);

  const runner = client.chat.completions.runTools({
    model,
    messages: [{ role: "user", content: "What is the weather in Oslo?" }],
    tools: [
      {
        type: "function",
        function: {
          name: "weather",
          description: "The weather in a city now.",
          parameters: { type: "object", properties: { city: { type: "string" } } },
          parse: JSON.parse,
          function: (asked: { city: string }) => `rain in ${asked.city}`,
        },
      },
    ],
  });
  console.log("answer:", await runner.finalContent());

  const vectors = await client.embeddings.create({ model: "default", input: ["rain", "sun"] });
  console.log("embeddings:", vectors.data.length, "of", vectors.data[0].embedding.length);
}

main();
