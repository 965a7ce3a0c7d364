import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const bedplate = createOpenAICompatible({
  name: "bedplate",
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8420/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const model = bedplate(process.env.MODEL ?? "default");

async function main(): Promise<void> {
  const said = await generateText({ model, prompt: "Say hello." });
  console.log("chat:", said.text);

  let text = "";
  for await (const part of streamText({ model, prompt: "Say hello." }).textStream) text += part;
  console.log("stream:", text);

  const answered = await generateText({
    model,
    prompt: "What is the weather in Oslo?",
    tools: {
      weather: tool({
        description: "The weather in a city now.",
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => `rain in ${city}`,
      }),
    },
    stopWhen: stepCountIs(3),
  });
  console.log("answer:", answered.text);

  const { embedding } = await embed({ model: bedplate.embeddingModel("default"), value: "rain" });
  console.log("embeddings:", embedding.length);
}

main();
